"""What one rank adds to a step: the sum over its own records, of clipped gradients under privacy, else of gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from moorage_training.adversarial.draws import RecordDraws
from moorage_training.loop.batch_losses import BatchLosses
from moorage_training.loop.shuffling import ShuffledBatches
from moorage_training.privacy.record_gradients import RecordGradients
from moorage_training.privacy.sampling import PoissonSampler
from moorage_training.records import Records


@dataclass(frozen=True)
class Contribution:
    """gradient: sum over the records [P]; loss: sum; count: how many records."""

    gradient: Tensor
    loss: float
    count: int


class Contributor(Protocol):
    """One rank's share of every step; an empty share is a zero gradient, never a step left out."""

    def contribute(self, step: int) -> Contribution: ...


@dataclass(frozen=True)
class OwnRecords:
    """Where one rank takes its records from, and in which portions."""

    records: Records
    rank: int
    seed: int
    portion: int
    device: torch.device

    def portions(self, drawn: NDArray[np.int64], step: int) -> Iterator[tuple[Tensor, Tensor, RecordDraws]]:
        """The drawn records as (raw x, y, their random numbers), at most `portion` at once, all of about one size."""
        for indices in np.array_split(drawn, math.ceil(len(drawn) / self.portion)) if len(drawn) else []:
            x = torch.from_numpy(self.records.x[indices]).to(self.device)
            y = torch.from_numpy(self.records.y[indices]).to(self.device)
            yield x, y, RecordDraws(self.seed, step, indices)


class PrivateContributor:
    """A Poisson draw of this rank's partition; every record's gradient clipped."""

    def __init__(self, own: OwnRecords, sampler: PoissonSampler, losses: BatchLosses, gradients: RecordGradients) -> None:
        self._own, self._sampler, self._losses, self._gradients = own, sampler, losses, gradients

    def contribute(self, step: int) -> Contribution:
        gradient = torch.zeros(self._gradients.size, device=self._own.device)
        loss, drawn = 0.0, self._sampler.draw()
        for x, y, draws in self._own.portions(drawn, step):
            part, part_loss = self._gradients.clipped_sum(self._losses.parts(x, y, draws))
            gradient += part
            loss += float(part_loss)
        return Contribution(gradient, loss, len(drawn))


class PlainContributor:
    """This rank's share of a shuffled batch."""

    def __init__(self, own: OwnRecords, batches: ShuffledBatches, losses: BatchLosses, network: nn.Module, world_size: int) -> None:
        self._own, self._batches, self._losses, self._network = own, batches, losses, network
        self._world_size = world_size
        self._parameters = [p for p in network.parameters() if p.requires_grad]

    def contribute(self, step: int) -> Contribution:
        share = self._batches.at(step)[self._own.rank :: self._world_size]
        for parameter in self._parameters:
            parameter.grad = None
        self._network.train()
        loss = 0.0
        for x, y, draws in self._own.portions(share, step):
            parts = self._losses.parts(x, y, draws)
            total = torch.stack([weight * run().sum() for weight, run in parts]).sum()
            total.backward()  # type: ignore[no-untyped-call]
            loss += float(total.detach())
        flat = [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in self._parameters]
        return Contribution(torch.cat(flat).float(), loss, len(share))
