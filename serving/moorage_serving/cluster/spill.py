"""Usage events that a pod could not ship before it had to go: kept on the namespace's volume, and shipped by the agents of other pods.

    SPILL/<service uid>/<pod>/<outbox>.events    one UsageEvent as JSON a line; whole or not there
                                    .damaged...  the files of an outbox that SQLite cannot read, for a person
                                    .unreadable  a file of events that holds something else, for a person

Lines, not a database: SQLite's locks cannot be trusted on a network's file system. Whoever ships a file removes it afterwards; two
that do it at once ship the same events, of which the ledger takes each once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from moorage_api.errors import MoorageError, Problem, Unavailable
from moorage_api.usage import UsageEvent
from moorage_billing.outbox_file import SUFFIX, open_outbox
from moorage_billing.remote import AnyLedger
from moorage_billing.storage_errors import unavailable

EVENTS = ".events"
SETTLED_SECONDS = 60.0
"""A file younger than this may be that of a pod which still ships."""
_BUSY_SECONDS, _BATCH_EVENTS = 5.0, 2000
_log = logging.getLogger("moorage.agent")


def spill(outboxes: Path, target: Path) -> int:
    """Keep what the outboxes of a folder hold in `target`, durably; how many files that were.

    A file of the same outbox is replaced: the outbox holds whatever of it was not shipped. Raises Unavailable for the first outbox that
    could not be kept, once all were tried.
    """
    kept, failure = 0, None
    for outbox in sorted(outboxes.glob(f"*{SUFFIX}")):
        try:
            kept += _keep(outbox, target)
        except (MoorageError, OSError, sqlite3.Error) as error:
            failure = failure or (error if isinstance(error, MoorageError) else unavailable(error, str(outbox)))
            with contextlib.suppress(OSError):
                _keep_damaged(outbox, target)
    if failure is not None:
        raise failure
    return kept


def waiting(root: Path, now: float) -> list[Path]:
    """The files of events of all services and pods that are old enough to be taken. now: Unix seconds."""
    found = []
    for path in sorted(root.glob(f"*/*/*{EVENTS}")):
        with contextlib.suppress(OSError):  # another agent was faster
            if now - path.stat().st_mtime >= SETTLED_SECONDS:
                found.append(path)
    return found


def adopt(path: Path, ledger: AnyLedger) -> int:
    """Ship one file of events and remove it; how many the ledger lacked. Raises MoorageError, and then the file stays as it is."""
    accepted = 0
    try:
        for batch in _batches(path):
            accepted += ledger.append_or_set_aside(batch)
    except ValidationError:
        _log.error("%s holds something that is no usage event; it is kept as .unreadable, repair it and rename it back", path)
        path.rename(path.with_suffix(".unreadable"))
        return accepted
    except OSError as error:
        raise Unavailable(Problem(f"cannot be read: {error.strerror}", str(path))) from None
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()
    return accepted


def _keep(outbox: Path, target: Path) -> int:
    """1 if the outbox held anything."""
    connection = open_outbox(outbox, _BUSY_SECONDS)
    try:
        groups = connection.execute("SELECT body FROM groups ORDER BY sequence")
        first = groups.fetchone()
        if first is None:
            return 0
        _make_durable(target)
        incoming = target / f".{outbox.stem}.{os.getpid()}.incoming"
        try:
            with incoming.open("wb") as file:
                for (body,) in (first, *groups):
                    file.write(body + b"\n")
                file.flush()
                os.fsync(file.fileno())
            incoming.replace(target / f"{outbox.stem}{EVENTS}")
        finally:
            incoming.unlink(missing_ok=True)
        _sync(target)
        return 1
    finally:
        connection.close()


def _keep_damaged(outbox: Path, target: Path) -> None:
    _make_durable(target)
    for suffix in ("", "-wal"):
        source = outbox.with_name(outbox.name + suffix)
        if source.exists():
            shutil.copyfile(source, target / f"{outbox.stem}.damaged{suffix}")
    _sync(target)


def _batches(path: Path) -> Iterator[list[UsageEvent]]:
    batch: list[UsageEvent] = []
    with path.open("rb") as lines:
        for line in lines:
            batch.append(UsageEvent.model_validate_json(line))
            if len(batch) == _BATCH_EVENTS:
                yield batch
                batch = []
    if batch:
        yield batch


def _make_durable(folder: Path) -> None:
    """The folder, and the names of all that had to be made on the way to it."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in made:
        _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
