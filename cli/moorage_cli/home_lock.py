"""One `moorage run` a home: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moorage_api.errors import Problem, Unavailable
from moorage_cli.home import Home


@contextmanager
def sole_runner(home: Home) -> Iterator[None]:
    """Hold the home's lock. Raises Unavailable, naming the holder's process id, if another process has it."""
    with home.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(
                Problem(
                    f"another `moorage run` (process {_holder(home.lock)}) works on this home",
                    str(home.root),
                    remedy="wait for it, stop it with Ctrl-C, or give this one a home of its own with --home",
                )
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_running(home: Home) -> bool:
    """Whether a `moorage run` works on the home now."""
    if not home.lock.exists():
        return False
    with home.lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def brief_lock(path: Path) -> Iterator[None]:
    """Wait for, then hold, a lock for one read-modify-write of the file that `path` stands beside."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _holder(lock: Path) -> str:
    return lock.read_text(encoding="utf-8").strip() or "unknown"
