"""What the ranks say to each other: one all-reduce a step, and agreement on errors before the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from moorage_training.loop.contribution import Contribution
from moorage_training.worker_loss import PeerLost

Error = TypeVar("Error")


@dataclass(frozen=True)
class StepSum:
    """Over all ranks. stopped: rank 0 called the step off; then there is no gradient and nothing was released."""

    gradient: Tensor
    loss: float | None
    count: int
    stopped: bool


class Exchange:
    """The ranks of one attempt; with a single rank nothing is sent."""

    def __init__(self, rank: int, world_size: int, device: torch.device) -> None:
        self.rank, self.world_size, self._device = rank, world_size, device

    def from_first(self, value: Any) -> Any:
        """`value` of rank 0, on every rank."""
        if self.world_size == 1:
            return value
        box = [value if self.rank == 0 else None]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def first_error(self, error: Error | None) -> Error | None:
        """The error of the lowest rank that has one, on every rank."""
        if self.world_size == 1:
            return error
        errors: list[Error | None] = [None] * self.world_size
        dist.all_gather_object(errors, error)
        return next((e for e in errors if e is not None), None)

    def add_up(self, mine: Contribution, noise: Tensor | None, network: nn.Module, stop: bool) -> StepSum:
        """Sum the contributions and rank 0's noise; running statistics in buffers become the mean over ranks.

        If rank 0 says `stop`, every rank hears it in this same exchange, and so all take the same number of steps.
        """
        buffers = [b for b in network.buffers() if b.is_floating_point()]
        gradient = mine.gradient if noise is None else mine.gradient + noise
        figures = torch.tensor([mine.loss, float(mine.count), float(stop)], device=self._device)
        vector = torch.cat([gradient, *[b.flatten() / self.world_size for b in buffers], figures])
        self._all_reduce(vector)
        loss, count, stopped = (float(figure) for figure in vector[-3:])
        if not stopped:
            _put(buffers, vector[len(gradient) : -3])
        return StepSum(vector[: len(gradient)], loss / count if count else None, round(count), stopped > 0)

    def mean(self, total: float, count: int) -> float:
        """The mean over all ranks' records; the same number on every rank."""
        figures = torch.tensor([total, float(count)], dtype=torch.float64, device=self._device)
        self._all_reduce(figures)
        return float(figures[0] / figures[1])

    def _all_reduce(self, vector: Tensor) -> None:
        if self.world_size == 1:
            return
        try:
            dist.all_reduce(vector)
        except RuntimeError as error:
            raise PeerLost(str(error)) from error


def put_gradient(network: nn.Module, flat: Tensor) -> None:
    """Give the trained weights their part of a flat gradient."""
    place = 0
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.grad = flat[place : place + parameter.numel()].view_as(parameter).to(parameter.dtype)
            place += parameter.numel()


def _put(tensors: list[Tensor], flat: Tensor) -> None:
    place = 0
    for tensor in tensors:
        tensor.copy_(flat[place : place + tensor.numel()].view_as(tensor))
        place += tensor.numel()
