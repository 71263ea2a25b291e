"""A tensor's data as raw bytes: the binary tensor data extension that Triton and KServe share.

Numbers lie in row-major order, little-endian; BYTES elements are each preceded by their length as a 4-byte little-endian integer.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moorage_serving.protocol.tensor import BYTES, NUMERIC
from moorage_serving.refusal import Refusal

_LENGTH = struct.Struct("<I")


def decode(raw: memoryview, datatype: str, shape: tuple[int, ...], field: str) -> NDArray[Any] | list[str]:
    """Raw bytes to values. Raises Refusal (400) where the length is not what datatype and shape need."""
    count = prod(shape)
    if datatype == BYTES:
        return _decode_texts(raw, count, field)
    dtype = NUMERIC[datatype]
    needed = count * dtype.itemsize
    if len(raw) != needed:
        raise Refusal(
            400,
            f"is {len(raw)} bytes, but {datatype} {list(shape)} needs {needed}",
            field=field,
            remedy="make size, datatype and shape agree",
        )
    values: NDArray[Any] = np.frombuffer(raw, dtype=np.uint8) != 0 if datatype == "BOOL" else np.frombuffer(raw, dtype=dtype)
    return values.reshape(shape)


def _decode_texts(raw: memoryview, count: int, field: str) -> list[str]:
    texts: list[str] = []
    offset = 0
    while offset + 4 <= len(raw) and len(texts) < count:
        (length,) = _LENGTH.unpack_from(raw, offset)
        offset += 4
        if offset + length > len(raw):
            break
        try:
            texts.append(str(raw[offset : offset + length], "utf-8"))
        except UnicodeDecodeError:
            raise Refusal(400, "is not UTF-8", field=f"{field}[{len(texts)}]", remedy="send text as UTF-8") from None
        offset += length
    if len(texts) != count or offset != len(raw):
        raise Refusal(
            400, f"does not hold exactly {count} length-prefixed elements", field=field, remedy="make binary_data_size and shape agree"
        )
    return texts


def encode(values: NDArray[Any] | list[str], datatype: str) -> bytes:
    """Values to raw bytes."""
    if datatype == BYTES:
        encoded = [str(v).encode() for v in values]
        return b"".join(_LENGTH.pack(len(e)) + e for e in encoded)
    return np.ascontiguousarray(values, dtype=NUMERIC[datatype]).tobytes()
