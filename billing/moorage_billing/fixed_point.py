"""Exact decimals as scaled integers: `value = integer / 10**places`. No float anywhere."""

from __future__ import annotations

import re

_DECIMAL = re.compile(r"^(-?)([0-9]+)(?:\.([0-9]+))?$")


def scaled(text: str, places: int) -> int:
    """The integer that `text` is at `places` decimals; raises ValueError if it is no plain decimal or has more decimals."""
    match = _DECIMAL.match(text)
    if match is None or len(match[3] or "") > places:
        raise ValueError(f"{text!r} is not a decimal with at most {places} decimals")
    magnitude = int(match[2] + (match[3] or "").ljust(places, "0"))
    return -magnitude if match[1] else magnitude


def unscaled(value: int, places: int) -> str:
    """The shortest decimal string of `value`: `unscaled(1500000000, 9) == "1.5"`."""
    digits = str(abs(value)).rjust(places + 1, "0")
    whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    return ("-" if value < 0 else "") + whole + (f".{fraction}" if fraction else "")


def divide_half_even(numerator: int, denominator: int) -> int:
    """numerator / denominator, rounded to the nearest integer, halves to the even one. `denominator` > 0."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))
