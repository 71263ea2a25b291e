"""Which records a private step uses: Poisson sampling over a fixed partition of the records to ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def partition(records: int, rank: int, world_size: int) -> NDArray[np.int64]:
    """The records of `rank`: every record belongs to exactly one rank, for the whole run."""
    return np.arange(rank, records, world_size, dtype=np.int64)


class PoissonSampler:
    """Draws each record of one rank's partition independently with the same probability.

    Ranks draw independently, so their draws together are a Poisson sample of all records. An empty draw is a draw: the
    caller takes the step all the same.
    """

    def __init__(self, own: NDArray[np.int64], rate: float, generator: np.random.Generator) -> None:
        self._own, self._rate, self._generator = own, rate, generator

    def draw(self) -> NDArray[np.int64]:
        """The records of the next step, possibly none."""
        return self._own[self._generator.random(len(self._own)) < self._rate]
