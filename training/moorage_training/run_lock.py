"""run.lock: one process at a time runs a job in its folder."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from moorage_api.errors import Problem, Unavailable

LOCK = "run.lock"
PATIENCE_SECONDS = 100.0
"""How long a run on a cluster waits for its folder: a machine that died keeps its lock for a lease, which with NFS is 90 seconds."""
POLL_SECONDS = 0.5
HELD_BY_ANOTHER = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


def claim(folder: Path, *, patience_seconds: float) -> int:
    """The folder, made if need be and locked for this process until its descriptor is closed. Raises Unavailable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(Problem(f"cannot be used: {error.strerror}", f"run folder {folder}", remedy="make it writable")) from None
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError as error:
            problem = _lock_problem(error, folder)
            if error.errno not in HELD_BY_ANOTHER or time.monotonic() >= deadline:
                os.close(lock)
                raise Unavailable(problem) from None
        time.sleep(POLL_SECONDS)


def _lock_problem(error: OSError, folder: Path) -> Problem:
    if error.errno in HELD_BY_ANOTHER:
        return Problem("another process runs this job", f"run folder {folder}", remedy="wait for it, or stop it")
    return Problem(f"cannot be locked: {error.strerror}", f"run folder {folder}", remedy="use a volume with file locks, e.g. NFS 4")
