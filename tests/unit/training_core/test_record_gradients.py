"""Per-record gradients, clipped sums and noise against a loop over batches of one with plain autograd."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from moorage_api.data_source import Augmentation
from moorage_api.privacy import Privacy, PrivacyMechanism
from moorage_api.robustness import Adversarial
from moorage_api.run_report import Plan
from moorage_api.task import Optimization, Task
from moorage_training.adversarial.draws import RecordDraws
from moorage_training.adversarial.training_attack import craft
from moorage_training.loop.batch_losses import BatchLosses
from moorage_training.loop.contribution import Contribution
from moorage_training.loop.exchange import Exchange
from moorage_training.loop.record_loss import record_loss
from moorage_training.loop.training import Training
from moorage_training.networks import build_network
from moorage_training.preprocessing import fit_preprocessing
from moorage_training.privacy.noise import SecretNoise
from moorage_training.privacy.record_gradients import RecordGradients
from moorage_training.records import load_records

CPU = torch.device("cpu")
CLIP = 0.7
AUGMENTATION = Augmentation(shear_degrees=10, zoom=0.1, horizontal_flip=True)
ATTACK = Adversarial(method="PGD", norm="Linf", radius=0.1, steps=3, weight=0.6)


def draws(y: Tensor) -> RecordDraws:
    return RecordDraws(0, 0, np.arange(len(y)))


def case(make_config, model: str):
    """Network with non-trivial weights, preprocessing, and nine raw digits."""
    kind = "ImageClassification" if model == "CNN" else "TabularClassification"
    config = make_config(task=Task(type=kind, model=model))
    records = load_records(config.dataset, config.task, private=True)
    preprocessing = fit_preprocessing(records, None if kind == "ImageClassification" else _columns(config), private=True)
    network = build_network(config.task, records.signature, preprocessing.scaled_shape, private=True, seed=3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return network, preprocessing, torch.from_numpy(records.x[:9]), torch.from_numpy(records.y[:9])


def _columns(config):
    from moorage_training.records.load import declared_columns

    return declared_columns(config.dataset)


def oracle(network: nn.Module, parts: list[tuple[float, Tensor]], y: Tensor) -> Tensor:
    """[N, P]: each record alone, one autograd call, no hooks."""
    network = copy.deepcopy(network)
    rows = []
    for index in range(len(y)):
        network.zero_grad()
        loss = sum(weight * record_loss()(network(x[index : index + 1]), y[index : index + 1]).sum() for weight, x in parts)
        loss.backward()
        rows.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    return torch.stack(rows)


def parts_of(network, preprocessing, raw, y, adversarial):
    clean = preprocessing(raw)
    if adversarial is None:
        return [(1.0, clean)]
    attacked = craft(copy.deepcopy(network), clean, y, adversarial, preprocessing, record_loss(), draws(y))
    assert (attacked - clean).abs().max() > 0.05
    return [(adversarial.weight, attacked), (1 - adversarial.weight, clean)]


@pytest.mark.parametrize("model", ["Linear", "MLP", "CNN"])
@pytest.mark.parametrize("adversarial", [None, ATTACK], ids=["plain", "attacked"])
def test_gradients_of_records_and_their_clipped_sum_equal_the_oracles(make_config, model, adversarial):
    network, preprocessing, raw, y = case(make_config, model)
    expected = oracle(network, parts_of(network, preprocessing, raw, y, adversarial), y)
    clipped = (expected * (CLIP / expected.norm(dim=1)).clamp(max=1).unsqueeze(1)).sum(0)
    gradients = RecordGradients(network, CLIP)
    losses = BatchLosses(gradients.module, preprocessing, record_loss(), adversarial=adversarial, augmentation=None, mixed_precision=False)

    actual, _ = gradients.per_record(losses.parts(raw, y, draws(y)))
    total, _ = gradients.clipped_sum(losses.parts(raw, y, draws(y)))

    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(total, clipped, rtol=1e-4, atol=1e-5)
    assert (expected.norm(dim=1) > CLIP).any(), "the clipping must bite for this test to say anything"


def test_one_record_moves_the_clipped_sum_by_at_most_the_norm(make_config):
    """Also with an attack from random starts and augmentation: what is drawn for a record is its own, whoever else is there."""
    network, preprocessing, raw, y = case(make_config, "CNN")
    gradients = RecordGradients(network, CLIP)
    losses = BatchLosses(
        gradients.module, preprocessing, record_loss(), adversarial=ATTACK, augmentation=AUGMENTATION, mixed_precision=False
    )
    whole, _ = gradients.clipped_sum(losses.parts(raw, y, draws(y)))
    for left_out in range(len(y)):
        keep = [i for i in range(len(y)) if i != left_out]
        without, _ = gradients.clipped_sum(losses.parts(raw[keep], y[keep], RecordDraws(0, 0, np.array(keep))))
        assert (whole - without).norm() <= CLIP * (1 + 1e-4)


def test_a_record_whose_gradient_is_not_finite_adds_nothing(make_config):
    network, preprocessing, raw, y = case(make_config, "Linear")
    gradients = RecordGradients(network, CLIP)

    def losses(poison: float):
        x = preprocessing(raw)
        weight = torch.ones(len(y)).index_fill(0, torch.tensor([4]), poison)
        return [(1.0, lambda: record_loss()(gradients.module(x), y) * weight)]

    total, loss = gradients.clipped_sum(losses(float("inf")))
    without, loss_without = gradients.clipped_sum(losses(0.0))
    torch.testing.assert_close(total, without)
    torch.testing.assert_close(loss, loss_without)


class OneGradient:
    """The same contribution at every step."""

    def __init__(self, gradient: Tensor, count: int) -> None:
        self._gradient, self._count = gradient, count

    def contribute(self, step: int) -> Contribution:
        return Contribution(self._gradient.clone(), 1.0, self._count)


def test_the_noise_of_a_step_has_sigma_times_the_norm_over_the_expected_batch(make_config):
    """One real step from zero weights at rate 1: what arrives is -(sum + noise) / expected batch, whatever was drawn."""
    size, sigma, batch = 20_000, 2.5, 50
    config = make_config(
        privacy=Privacy(epsilon=1, delta=1e-6, max_grad_norm=CLIP),
        optimization=Optimization(steps=1, batch_size=batch, optimizer="SGD", learning_rate=1.0),
    )
    plan = Plan(
        records=1000, evaluation_records=1, steps=1, mechanism=PrivacyMechanism(sampling_rate=0.05, noise_multiplier=sigma, steps=1)
    )
    network = nn.Linear(size, 1, bias=False)
    nn.init.zeros_(network.weight)
    signal = torch.full((size,), 3.0)
    training = Training(
        config,
        plan,
        "f",
        network=network,
        contributor=OneGradient(signal, count=7),
        exchange=Exchange(0, 1, CPU),
        journal=None,
        noise=SecretNoise(CPU),
        evaluate=None,
        epoch_steps=1,
    )
    training.run(lambda: False, lambda *_: None)
    noise = -network.weight.detach().flatten().numpy() * batch - signal.numpy()
    assert abs(noise.mean()) < 5 * sigma * CLIP / np.sqrt(size)
    assert noise.std() == pytest.approx(sigma * CLIP, rel=0.03)
    kurtosis = (noise**4).mean() / noise.var() ** 2
    assert kurtosis == pytest.approx(3, abs=0.2)


def test_the_attack_leaves_no_gradients_modes_or_hooks_changed(make_config):
    network, preprocessing, raw, y = case(make_config, "CNN")
    gradients = RecordGradients(network, CLIP)
    gradients.module.train()
    craft(gradients.module, preprocessing(raw), y, ATTACK, preprocessing, record_loss(), draws(y))
    assert gradients.module.training
    assert gradients.module.hooks_enabled
    for parameter in network.parameters():
        assert parameter.requires_grad
        assert parameter.grad is None
        assert parameter.grad_sample is None
        assert not hasattr(parameter, "_current_grad_sample")
    assert not any(getattr(module, "activations", []) for module in network.modules())
