"""The installed version of Moorage."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def installed() -> str:
    """E.g. `0.1.0`; `unknown` where the distribution's metadata is missing."""
    try:
        return metadata.version("moorage")
    except metadata.PackageNotFoundError:
        return "unknown"
