"""A tensor's `data` as JSON: flat or nested, checked element by element so that nothing is converted silently."""

from __future__ import annotations

from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moorage_serving.protocol.tensor import BYTES, NUMERIC
from moorage_serving.refusal import Refusal

_JSON_TYPES: dict[str, frozenset[type]] = {
    "b": frozenset({bool}),
    "i": frozenset({int}),
    "u": frozenset({int}),
    "f": frozenset({int, float, type(None)}),
}
"""JSON types by the kind of the data type; null is a missing number."""


def values_of(data: Any, datatype: str, shape: tuple[int, ...], field: str) -> NDArray[Any] | list[str]:
    """Check `data` against its declared type and shape. Raises Refusal (400)."""
    flat = _flatten(data, shape, field)
    if len(flat) != prod(shape):
        raise Refusal(
            400, f"has {len(flat)} elements, but shape {list(shape)} needs {prod(shape)}", field=field, remedy="make data and shape agree"
        )
    types = set(map(type, flat))
    if datatype == BYTES:
        if not types <= {str}:
            raise _wrong_type(flat, frozenset({str}), datatype, field)
        return flat
    dtype = NUMERIC[datatype]
    if not types <= _JSON_TYPES[dtype.kind]:
        raise _wrong_type(flat, _JSON_TYPES[dtype.kind], datatype, field)
    try:
        with np.errstate(over="ignore"):
            return np.array(flat, dtype=dtype).reshape(shape)
    except OverflowError:
        raise Refusal(400, f"holds a number that does not fit {datatype}", field=field, remedy="use a wider datatype") from None


def _flatten(data: Any, shape: tuple[int, ...], field: str) -> list[Any]:
    """The elements in row-major order. A nested list has to have exactly the shape declared."""
    if type(data) is not list:
        raise Refusal(400, "must be an array", field=field, value=type(data).__name__, remedy="give a flat or nested JSON array")
    if not data or type(data[0]) is not list:
        return data
    level: list[Any] = data
    for depth, size in enumerate(shape):
        if depth == 0:
            if len(level) != size:
                raise _ragged(field, shape)
            continue
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            raise _ragged(field, shape)
        level = list(chain.from_iterable(level))
    return level


def _ragged(field: str, shape: tuple[int, ...]) -> Refusal:
    return Refusal(400, f"is nested, but not as shape {list(shape)} says", field=field, remedy="nest every row alike, or give a flat array")


def _wrong_type(flat: list[Any], allowed: frozenset[type], datatype: str, field: str) -> Refusal:
    index, found = next((i, v) for i, v in enumerate(flat) if type(v) not in allowed)
    return Refusal(400, f"is not a {datatype} value", field=f"{field}[{index}]", value=repr(found), remedy="send the declared datatype")
