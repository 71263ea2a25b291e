"""Where the Square attack changes a record: squares of an image, random sets of a table's columns.

Every array that a Region returns broadcasts against a batch `[N, *shape]`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class Region(Protocol):
    """The geometry of one record."""

    def window(self, share: float) -> Mask:
        """A random part of the record, `share` of its positions, at least one."""

    def signs(self, records: int) -> FloatArray:
        """Random +1 and -1, constant over whatever moves together."""

    def first_signs(self, records: int) -> FloatArray:
        """Random +1 and -1 to start from."""

    def bump(self, window: Mask) -> FloatArray:
        """A pattern of L2 norm one a channel that is zero outside `window`."""


def region_of(shape: tuple[int, ...], rng: np.random.Generator) -> Region:
    """The geometry of records of `shape`: `[F]` or `[C, H, W]`."""
    if len(shape) == 1:
        return TableRegion(shape[0], rng)
    return ImageRegion((shape[0], shape[1], shape[2]), rng)


class TableRegion:
    """Columns have no neighbours, so they are drawn at random and each has its own sign."""

    def __init__(self, features: int, rng: np.random.Generator) -> None:
        self._features, self._rng = features, rng

    def window(self, share: float) -> Mask:
        mask = np.zeros(self._features, dtype=np.bool_)
        count = max(1, round(share * self._features))
        mask[self._rng.choice(self._features, count, replace=False)] = True
        return mask

    def signs(self, records: int) -> FloatArray:
        return _signs(self._rng, (records, self._features))

    def first_signs(self, records: int) -> FloatArray:
        return self.signs(records)

    def bump(self, window: Mask) -> FloatArray:
        pattern: FloatArray = (window / np.sqrt(window.sum())).astype(np.float32)
        return pattern


class ImageRegion:
    """Squares that move together channel by channel, and vertical stripes to start from."""

    def __init__(self, shape: tuple[int, int, int], rng: np.random.Generator) -> None:
        self._channels, self._height, self._width = shape
        self._rng = rng

    def window(self, share: float) -> Mask:
        side = max(1, round(float(np.sqrt(share * self._height * self._width))))
        height, width = min(side, self._height), min(side, self._width)
        top = int(self._rng.integers(self._height - height + 1))
        left = int(self._rng.integers(self._width - width + 1))
        mask = np.zeros((1, self._height, self._width), dtype=np.bool_)
        mask[:, top : top + height, left : left + width] = True
        return mask

    def signs(self, records: int) -> FloatArray:
        return _signs(self._rng, (records, self._channels, 1, 1))

    def first_signs(self, records: int) -> FloatArray:
        return _signs(self._rng, (records, self._channels, 1, self._width))

    def bump(self, window: Mask) -> FloatArray:
        """Two pyramids of opposite sign, one above the other or side by side at random."""
        rows, columns = np.flatnonzero(window.any(axis=(0, 2))), np.flatnonzero(window.any(axis=(0, 1)))
        pattern = _two_pyramids(len(rows), len(columns)) if self._rng.random() < 0.5 else _two_pyramids(len(columns), len(rows)).T
        whole = np.zeros(window.shape, dtype=np.float32)
        whole[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = pattern
        return whole


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.float32)


def _two_pyramids(height: int, width: int) -> npt.NDArray[np.float64]:
    half = height // 2
    whole = np.concatenate([_pyramid(half, width), -_pyramid(height - half, width)])
    unit: npt.NDArray[np.float64] = whole / np.linalg.norm(whole)
    return unit


def _pyramid(height: int, width: int) -> npt.NDArray[np.float64]:
    """Rectangles around the middle stacked with falling weight, the `eta` of the paper's section 3."""
    whole = np.zeros((height, width))
    middle_row, middle_column = height // 2, width // 2
    for ring in range(max(middle_row, middle_column) + 1):
        top, left = max(middle_row - ring, 0), max(middle_column - ring, 0)
        whole[top : middle_row + ring + 1, left : middle_column + ring + 1] += 1.0 / (ring + 1) ** 2
    return whole
