"""An outbox on disk: `NAME.outbox`, a SQLite file of groups of events, and `NAME.outbox.lock`, held while its owner lives.

Names are never used twice. The lock is a file of its own: SQLite would drop its own locks on a file that is also opened
and closed by somebody else in the same process.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from moorage_billing.storage_errors import unavailable

SUFFIX = ".outbox"
_UNREADY = ".new"
_SCHEMA = """CREATE TABLE IF NOT EXISTS groups (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, events INTEGER NOT NULL, written_us INTEGER NOT NULL, body BLOB NOT NULL)"""


@dataclass(frozen=True)
class Backlog:
    """What waits to be shipped: how many events, and when the oldest was written (microseconds since 1970, or None)."""

    events: int
    oldest_us: int | None


def create_outbox(path: Path) -> sqlite3.Connection:
    """Make an outbox and open it for its owner: a commit returns once it is on disk. Raises Unavailable.

    The file appears under its name when it is whole: SQLite does not wait for a lock while it changes the journal's mode,
    so a shipper must never meet a file that is still being made.
    """
    unready = path.with_name(path.name + _UNREADY)
    try:
        connection = _connect(unready, "rwc", 30.0)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)
        finally:
            connection.close()
        unready.rename(path)
        for folder in (path.parent, path.parent.parent):
            _sync(folder)
        connection = _connect(path, "rw", 30.0)
        connection.execute("PRAGMA synchronous = FULL")
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error, str(path)) from error
    return connection


def open_outbox(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Open an outbox to read and empty it; what is deleted may come back after a power cut. Raises Unavailable."""
    try:
        connection = _connect(path, "rw", busy_seconds)
    except sqlite3.Error as error:
        raise unavailable(error, str(path)) from error
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(error, str(path)) from error
    return connection


def _connect(path: Path, mode: str, busy_seconds: float) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def backlog_of(path: Path) -> Backlog:
    """What waits in one outbox. Raises Unavailable."""
    connection = open_outbox(path, 5.0)
    try:
        events, oldest = connection.execute("SELECT coalesce(sum(events), 0), min(written_us) FROM groups").fetchone()
        return Backlog(events, oldest)
    except sqlite3.Error as error:
        raise unavailable(error, str(path)) from error
    finally:
        connection.close()


def lock_path(path: Path) -> Path:
    """The lock that goes with an outbox."""
    return path.with_name(path.name + ".lock")


def acquire(lock: Path, *, wait: bool = False) -> int | None:
    """Take an exclusive lock, which ends with this process or `os.close`: its descriptor, or None if another has it.

    Raises OSError where the file cannot be made.
    """
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(lock, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed between open and flock: lock what is there now


def _is_still(lock: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def owned_if_dead(path: Path) -> Iterator[bool]:
    """Whether the outbox's owner is dead; if so nobody else finds it dead meanwhile."""
    descriptor = acquire(lock_path(path))
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a dead outbox that is empty or was never finished; the lock goes last, so that what a crash leaves is found."""
    for name in (path.name + _UNREADY, path.name):
        for suffix in ("-journal", "-wal", "-shm", ""):
            path.with_name(name + suffix).unlink(missing_ok=True)
    lock_path(path).unlink(missing_ok=True)
