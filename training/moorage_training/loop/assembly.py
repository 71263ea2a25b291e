"""One rank's training, put together from the run's config."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from moorage_api.run_config import RunConfig
from moorage_api.run_report import Plan
from moorage_training.loop.batch_losses import BatchLosses
from moorage_training.loop.contribution import Contributor, OwnRecords, PlainContributor, PrivateContributor
from moorage_training.loop.exchange import Exchange
from moorage_training.loop.record_loss import balanced_class_weights, record_loss
from moorage_training.loop.shuffling import ShuffledBatches
from moorage_training.loop.training import Training
from moorage_training.loss_parts import RecordLoss
from moorage_training.plan import steps_per_epoch
from moorage_training.prepare import Prepared
from moorage_training.preprocessing import Preprocessing
from moorage_training.privacy.journal import StepJournal
from moorage_training.privacy.noise import SecretNoise
from moorage_training.privacy.record_gradients import RecordGradients
from moorage_training.privacy.sampling import PoissonSampler, partition
from moorage_training.privacy.secrecy import secret_generator
from moorage_training.records import Records


def assemble(
    config: RunConfig,
    plan: Plan,
    fingerprint: str,
    prepared: Prepared,
    exchange: Exchange,
    journal: StepJournal | None,
    device: torch.device,
) -> Training:
    """The training of `exchange.rank`, on `device`, not yet resumed."""
    network, preprocessing = prepared.network.to(device), prepared.preprocessing.to(device)
    weights = None
    if config.optimization.class_weights == "Balanced":
        weights = balanced_class_weights(prepared.training.y, len(prepared.training.signature.classes)).to(device)
    loss = record_loss(weights)
    contributor = _contributor(config, plan, prepared, exchange, device, loss)
    noise = SecretNoise(device) if plan.mechanism is not None and exchange.rank == 0 else None
    evaluate = None
    if config.optimization.early_stopping is not None:
        evaluate = _evaluation(prepared.evaluation, network, preprocessing, loss, exchange, config.optimization.max_physical_batch_size)
    return Training(
        config,
        plan,
        fingerprint,
        network=network,
        contributor=contributor,
        exchange=exchange,
        journal=journal,
        noise=noise,
        evaluate=evaluate,
        epoch_steps=steps_per_epoch(plan.records, config.optimization.batch_size),
    )


def _contributor(
    config: RunConfig, plan: Plan, prepared: Prepared, exchange: Exchange, device: torch.device, loss: RecordLoss
) -> Contributor:
    settings = config.optimization
    own = OwnRecords(prepared.training, exchange.rank, settings.seed, settings.max_physical_batch_size, device)

    def losses(network: nn.Module) -> BatchLosses:
        return BatchLosses(
            network,
            prepared.preprocessing,
            loss,
            adversarial=config.adversarial,
            augmentation=config.dataset.augmentation,
            mixed_precision=settings.precision == "Mixed",
        )

    if config.privacy is not None and plan.mechanism is not None:
        gradients = RecordGradients(prepared.network, config.privacy.max_grad_norm)
        mine = partition(plan.records, exchange.rank, exchange.world_size)
        sampler = PoissonSampler(mine, plan.mechanism.sampling_rate, secret_generator())
        return PrivateContributor(own, sampler, losses(gradients.module), gradients)
    batches = ShuffledBatches(plan.records, settings.batch_size, settings.seed)
    return PlainContributor(own, batches, losses(prepared.network), prepared.network, exchange.world_size)


def _evaluation(
    held_out: Records, network: nn.Module, preprocessing: Preprocessing, loss: RecordLoss, exchange: Exchange, portion: int
) -> Callable[[], float]:
    """The mean loss on the held-out records, each rank taking a share."""
    device = next(network.parameters()).device

    def evaluate() -> float:
        network.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for start in range(exchange.rank * portion, len(held_out), exchange.world_size * portion):
                x = torch.from_numpy(held_out.x[start : start + portion]).to(device)
                y = torch.from_numpy(held_out.y[start : start + portion]).to(device)
                total += float(loss(network(preprocessing(x)), y).sum())
                count += len(y)
        network.train()
        return exchange.mean(total, count)

    return evaluate
