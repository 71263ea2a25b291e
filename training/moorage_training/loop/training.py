"""The training loop: the same steps on every rank, each recorded before it happens, with checkpoints in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from moorage_api.errors import Unavailable
from moorage_api.run_config import RunConfig
from moorage_api.run_report import Plan
from moorage_training.checkpoint import Checkpoint, write_checkpoint
from moorage_training.loop.contribution import Contributor
from moorage_training.loop.early_stopping import BestWeights
from moorage_training.loop.exchange import Exchange, put_gradient
from moorage_training.loop.optimizer import build_optimizer, set_learning_rate
from moorage_training.loop.schedule import learning_rate
from moorage_training.privacy.journal import StepJournal
from moorage_training.privacy.noise import SecretNoise

CHECKPOINT_SECONDS = 2.0
CHECKPOINT_SHARE = 20
"""A checkpoint waits at least this many times as long as the last one took."""
HISTORY_POINTS = 100


@dataclass(frozen=True)
class Ended:
    """How an attempt ended: finished, stopped on request, or by a failure that trying again would only repeat."""

    finished: bool
    failure: str | None = None
    invalid: bool = False
    """Whether the failure is of the input."""


class Training:
    """One attempt's state on one rank. Only rank 0 has a journal, makes noise and writes checkpoints."""

    def __init__(
        self,
        config: RunConfig,
        plan: Plan,
        fingerprint: str,
        *,
        network: nn.Module,
        contributor: Contributor,
        exchange: Exchange,
        journal: StepJournal | None,
        noise: SecretNoise | None,
        evaluate: Callable[[], float] | None,
        epoch_steps: int,
    ) -> None:
        self._config, self._plan, self._fingerprint = config, plan, fingerprint
        self.network, self._contributor, self._exchange = network, contributor, exchange
        self._journal, self._noise = journal, noise
        self._optimizer = build_optimizer(network, config.optimization)
        stopping = config.optimization.early_stopping
        self._best = BestWeights(stopping) if stopping else None
        self._evaluate, self._epoch_steps = evaluate, epoch_steps
        self.step = 0
        self._history: list[list[float]] = []
        self._recent: list[float] = []
        self._next_checkpoint = 0.0

    def resume(self, checkpoint: Checkpoint | None, executed: int) -> None:
        """Go on from `checkpoint`; `executed` steps are behind us, those that the checkpoint does not hold included."""
        self.step = executed
        if checkpoint is None:
            return
        self.network.load_state_dict(checkpoint.network)
        self._optimizer.load_state_dict(checkpoint.optimizer)
        self._history = [list(point) for point in checkpoint.history]
        if self._best and checkpoint.early_stopping:
            self._best.load(checkpoint.early_stopping)

    def run(self, stop_requested: Callable[[], bool], progressed: Callable[[int, int, float | None], None]) -> Ended:
        """Take the steps that are left."""
        failure = self._save(finished=False)
        taken, stop_early = 0, False
        while self.step < self._plan.steps and not stop_early:
            contribution = self._contributor.contribute(self.step)
            stop = failure is not None or stop_requested()
            if not stop and self._journal is not None:
                failure = _failure_of(self._journal.record)
                stop = failure is not None
            noise = None if stop else self._draw_noise(len(contribution.gradient))
            total = self._exchange.add_up(contribution, noise, self.network, stop)
            if total.stopped:
                return Ended(False, failure or self._save(finished=False))
            self._update(total.gradient, total.count)
            self._note(total.loss)
            taken += 1
            progressed(self.step, taken, total.loss)
            stop_early = self._ends_early()
            failure = self._save_if_due()
        if self._best:
            self._best.restore(self.network)
        failure = self._save(finished=True)
        return Ended(failure is None, failure)

    def _draw_noise(self, size: int) -> torch.Tensor | None:
        if self._noise is None or self._config.privacy is None or self._plan.mechanism is None:
            return None
        return self._noise.draw(size, self._plan.mechanism.noise_multiplier * self._config.privacy.max_grad_norm)

    def _update(self, gradient: torch.Tensor, count: int) -> None:
        """Divide by the expected batch under privacy, for the drawn one is a fact about the records; else by the batch."""
        settings = self._config.optimization
        put_gradient(self.network, gradient / (settings.batch_size if self._config.privacy else max(1, count)))
        set_learning_rate(self._optimizer, learning_rate(settings.learning_rate, settings.schedule, self.step, self._plan.steps))
        self._optimizer.step()
        self.step += 1

    def _note(self, loss: float | None) -> None:
        if loss is not None:
            self._recent.append(loss)
        if self._recent and (self.step % max(1, self._plan.steps // HISTORY_POINTS) == 0 or self.step == self._plan.steps):
            self._history.append([float(self.step), sum(self._recent) / len(self._recent)])
            self._recent = []

    def _ends_early(self) -> bool:
        if self._best is None or self._evaluate is None or self.step % self._epoch_steps:
            return False
        return self._best.seen(self._evaluate(), self.network)

    def _save_if_due(self) -> str | None:
        return self._save(finished=False) if time.monotonic() >= self._next_checkpoint else None

    def _save(self, finished: bool) -> str | None:
        """On rank 0: write a checkpoint; what went wrong, if anything did."""
        if self._exchange.rank != 0:
            return None
        began = time.monotonic()
        failure = _failure_of(lambda: write_checkpoint(Path(self._config.folder), self._checkpoint(finished)))
        now = time.monotonic()
        self._next_checkpoint = now + max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * (now - began))
        return failure

    def _checkpoint(self, finished: bool) -> Checkpoint:
        mechanism = self._plan.mechanism
        return Checkpoint(
            fingerprint=self._fingerprint,
            step=self.step,
            network=self.network.state_dict(),
            optimizer=self._optimizer.state_dict(),
            accountant=[[mechanism.noise_multiplier, mechanism.sampling_rate, float(self.step)]] if mechanism else [],
            history=self._history,
            early_stopping=self._best.state() if self._best else None,
            finished=finished,
        )


def _failure_of(act: Callable[[], object]) -> str | None:
    try:
        act()
    except Unavailable as error:
        return str(error)
    return None
