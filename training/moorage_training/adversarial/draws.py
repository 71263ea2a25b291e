"""Where random numbers come from, for attacks and augmentation.

Under differential privacy one record may change a step's sum by its own clipped gradient and by nothing else. So what is
drawn for a record must not depend on which other records are in the batch: were the numbers dealt out in the batch's order,
a record more would change the draws, hence the gradients, of all that follow it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Draws(Protocol):
    """Random numbers for a batch of records; every call draws anew."""

    def uniform(self, like: Tensor) -> Tensor:
        """In [0, 1), with the shape, device and type of `like` [N, ...]."""
        ...

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal, with the shape, device and type of `like` [N, ...]."""
        ...


class RecordDraws:
    """Each record's numbers are a function of (seed, step, record, call): Philox, keyed by seed and record.

    records: [N], their positions in the training records. A resumed run needs no state of it.
    """

    def __init__(self, seed: int, step: int, records: NDArray[np.int64]) -> None:
        self._key = [(seed, int(record)) for record in records]
        self._step = step
        self._calls = 0

    def uniform(self, like: Tensor) -> Tensor:
        return self._filled(like, lambda generator, size: generator.random(size, dtype=np.float32))

    def normal(self, like: Tensor) -> Tensor:
        return self._filled(like, lambda generator, size: generator.standard_normal(size, dtype=np.float32))

    def _filled(self, like: Tensor, draw: Callable[[np.random.Generator, int], NDArray[np.float32]]) -> Tensor:
        self._calls += 1
        size = like[0].numel() if len(like) else 0
        counter = [0, 0, self._step, self._calls]
        rows = [draw(np.random.Generator(np.random.Philox(key=key, counter=counter)), size) for key in self._key]
        drawn = np.stack(rows) if rows else np.empty((0, size), np.float32)
        return torch.from_numpy(drawn).view(like.shape).to(like.device, like.dtype)


class SequenceDraws:
    """One stream for all records, dealt out in their order: for attacks in an evaluation, where nothing is clipped."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(seed)

    def uniform(self, like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=self._generator, device=like.device, dtype=like.dtype)

    def normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._generator, device=like.device, dtype=like.dtype)
