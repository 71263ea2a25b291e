"""Shuffled batches, for training without privacy; never called Poisson, for its amplification does not hold here."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class ShuffledBatches:
    """Each epoch is a new permutation, cut into batches of at most `batch_size` that differ in size by one at most."""

    def __init__(self, records: int, batch_size: int, seed: int) -> None:
        self._records, self._seed = records, seed
        self.steps_per_epoch = math.ceil(records / batch_size)
        self._epoch = -1
        self._batches: list[NDArray[np.int64]] = []

    def at(self, step: int) -> NDArray[np.int64]:
        """The records of step `step`, over all ranks: the same on every rank."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            order = np.random.default_rng([self._seed, epoch]).permutation(self._records).astype(np.int64)
            self._batches, self._epoch = np.array_split(order, self.steps_per_epoch), epoch
        return self._batches[place]
