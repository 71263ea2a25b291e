"""Tensors of the Open Inference Protocol and their data types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTES = "BYTES"
NUMERIC: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""Data types of numbers, in the byte order of the binary extension."""
DATATYPES = (*NUMERIC, BYTES)
MAX_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """One named array.

    values: for a numeric data type an array of `shape`; for BYTES a flat list of text in row-major order.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: NDArray[Any] | list[str]
