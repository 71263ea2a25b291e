"""The records of a data set as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moorage_api.artifact import Signature


@dataclass(frozen=True)
class Records:
    """Raw inputs and labels, in the order of the source.

    x: float32, what the exported model receives: [N, features] of a table (a Category as its index, NaN = missing
       number), [N, C, H, W] of images in their raw pixel range.
    y: int64 [N], indices into `signature.classes`.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    signature: Signature

    def __len__(self) -> int:
        return len(self.y)

    def take(self, indices: NDArray[np.int64]) -> Records:
        """The records at `indices`, in that order."""
        return Records(self.x[indices], self.y[indices], self.signature)
