"""Waiting for a condition with a deadline, never for time to pass."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(
    look: Callable[[], Found], seconds: float = 20.0, what: str = "", promised: bool = False, every_seconds: float = 0.1
) -> Found:
    """What `look` returns as soon as that is true. `look` may fail assertions until then; the last one is shown at the deadline.

    seconds: on a machine that does nothing else; more where others wait for its cores, too. promised: no longer, whatever the machine does.
    every_seconds: between two looks.
    """
    seconds *= 1.0 if promised else max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    deadline = time.monotonic() + seconds
    while True:
        complaint: AssertionError | None = None
        found = None
        try:
            found = look()
        except AssertionError as error:
            complaint = error
        if complaint is None and found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or look.__name__}; last seen: {found!r}") from complaint
        time.sleep(every_seconds)
