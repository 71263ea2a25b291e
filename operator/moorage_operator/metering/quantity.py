"""Kubernetes' quantities (`500m`, `2`, `1Gi`) as integers of millionths."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from moorage_api.usage import MICRO

_QUANTITY = re.compile(r"^([+-]?[0-9]*\.?[0-9]*)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2})?$")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


@lru_cache(maxsize=1024)
def micro_of(quantity: str | int | float) -> int:
    """Millionths of the unit, rounded to the nearest. Raises ValueError for what is no quantity."""
    match = _QUANTITY.match(str(quantity).strip())
    if match is None or not any(character.isdigit() for character in match[1]):
        raise ValueError(f"{quantity!r} is not a quantity")
    number, suffix = Fraction(match[1]), match[2] or ""
    if suffix in _BINARY:
        factor = Fraction(1024) ** _BINARY[suffix]
    else:
        factor = Fraction(10) ** (_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))
    return round(number * factor * MICRO)
