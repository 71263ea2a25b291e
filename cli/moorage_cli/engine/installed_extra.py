"""Whether what a child process imports is installed: `pip install moorage[cli]` alone brings neither torch nor Ray."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution, requires
from typing import Literal

Extra = Literal["train", "serve"]
_REQUIREMENT = re.compile(r"^(?P<name>[\w.-]+).*;.*extra == ['\"](?P<extra>\w+)['\"]")


@lru_cache(maxsize=4)
def lacking(extra: Extra) -> str:
    """What to tell somebody whose installation lacks `extra`, naming the packages; empty if it is there."""
    missing = [name for name in _packages(extra) if not _is_installed(name)]
    if not missing:
        return ""
    return f"not installed here: {', '.join(missing)}; run pip install 'moorage[{extra}]'"


def _packages(extra: Extra) -> list[str]:
    found = (_REQUIREMENT.match(line) for line in requires("moorage") or [])
    return [match["name"] for match in found if match is not None and match["extra"] == extra]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
