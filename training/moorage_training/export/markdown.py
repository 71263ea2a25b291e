"""Markdown from facts: whatever a user may have typed is escaped, unless it is marked as already safe."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~!&$])")


class Safe(str):
    """Text that Moorage itself wrote and that is not escaped."""

    __slots__ = ()


def escape(value: object) -> str:
    """`value` as literal text of one line: no markup, no HTML, no table cell or line can be forged with it."""
    text = str(value)
    if isinstance(value, Safe | int | float):
        return text
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def figure(value: float | None, digits: int = 3) -> Safe:
    """A figure of a table: `0.914`, or a dash where there is none."""
    return Safe("–" if value is None else f"{value:.{digits}f}")


def number(value: float) -> Safe:
    """A parameter as short as it can be: `1e-05`."""
    return Safe(f"{value:g}")
