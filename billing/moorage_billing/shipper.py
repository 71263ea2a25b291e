"""Moves events from the outboxes of a folder to the ledger, a database or its service: at least once, and the ledger takes each once.

An event leaves its outbox only after the ledger's commit. Any number of shippers may watch one folder; one at a time works.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path
from threading import Event, Thread

from pydantic import ValidationError

from moorage_api.errors import MoorageError, Problem, Unavailable
from moorage_api.usage import UsageEvent
from moorage_billing.outbox_file import SUFFIX, Backlog, acquire, backlog_of, open_outbox, owned_if_dead, remove
from moorage_billing.remote import AnyLedger, open_ledger
from moorage_billing.storage_errors import unavailable

_log = logging.getLogger(__name__)
_BATCH_EVENTS = 2000
_BUSY_SECONDS, _MAX_BACKOFF_SECONDS = 5.0, 10.0


class Shipper:
    """A thread that ships a folder's outboxes until `close`. `last_error` is None while all is well."""

    def __init__(self, folder: Path, ledger_url: str, interval_seconds: float = 0.5) -> None:
        """Start shipping; the ledger may be out as yet."""
        self.folder = folder
        self.last_error: MoorageError | None = None
        self.shipped = 0
        self._url = ledger_url
        self._interval_seconds = interval_seconds
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"shipper {folder}", daemon=True)
        self._thread.start()

    def backlog(self) -> Backlog:
        """How much waits in the folder, and since when. Raises Unavailable."""
        return backlog(self.folder)

    def close(self) -> None:
        """Stop after the batch in work; what is left stays in the outboxes."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        ledger: AnyLedger | None = None
        pause = self._interval_seconds
        while not self._stop.is_set():
            try:
                ledger = ledger or open_ledger(self._url, _BUSY_SECONDS)
                self.shipped += _ship_folder(self.folder, ledger, wait=False, stop=self._stop)
                self.last_error, pause = None, self._interval_seconds
            except Exception as error:  # this thread must live: nothing else ships
                self.last_error = error if isinstance(error, MoorageError) else unavailable(error, str(self.folder))
                _log.warning("cannot ship usage events from %s, trying again: %s", self.folder, self.last_error)
                pause = min(max(pause, 0.05) * 2, _MAX_BACKOFF_SECONDS)
            self._stop.wait(pause)
        if ledger is not None:
            ledger.close()


def drain(folder: Path, ledger_url: str) -> int:
    """Ship what the folder's outboxes hold now; how many events that was. Raises Unavailable for the first outbox or ledger that fails."""
    ledger = open_ledger(ledger_url)
    try:
        return _ship_folder(folder, ledger, wait=True, stop=Event())
    finally:
        ledger.close()


def backlog(folder: Path) -> Backlog:
    """What waits in a folder's outboxes. Raises Unavailable."""
    parts = []
    for path in _outboxes(folder):
        try:
            parts.append(backlog_of(path))
        except Unavailable:
            if path.exists():  # else it was shipped and removed meanwhile
                raise
    oldest = [part.oldest_us for part in parts if part.oldest_us is not None]
    return Backlog(sum(part.events for part in parts), min(oldest, default=None))


def lag_seconds(waiting: Backlog) -> float:
    """How long the oldest waiting event has waited."""
    return 0.0 if waiting.oldest_us is None else max(0.0, time.time() - waiting.oldest_us / 1_000_000)


def _outboxes(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def _ship_folder(folder: Path, ledger: AnyLedger, *, wait: bool, stop: Event) -> int:
    """One pass over the folder; 0 if another shipper is at it and `wait` is false. A bad outbox does not hold up the others."""
    if not folder.is_dir():
        return 0
    try:
        turn = acquire(folder / "shipper.lock", wait=wait)
    except OSError as error:
        raise unavailable(error, str(folder)) from error
    if turn is None:
        return 0
    moved = 0
    failure: MoorageError | None = None
    try:
        for path in _outboxes(folder):
            try:
                moved += _ship_outbox(path, ledger, stop)
            except MoorageError as error:
                failure = failure or error
            except OSError as error:
                failure = failure or unavailable(error, str(path))
        _sweep_locks(folder)
    except OSError as error:
        failure = failure or unavailable(error, str(folder))
    finally:
        os.close(turn)
    if failure is not None:
        raise failure
    return moved


def _ship_outbox(path: Path, ledger: AnyLedger, stop: Event) -> int:
    """Ship what one outbox holds now; if its owner is dead it is then removed."""
    with owned_if_dead(path) as dead:
        if not path.exists():
            return 0
        moved = 0
        connection = open_outbox(path, _BUSY_SECONDS)
        try:
            (newest,) = connection.execute("SELECT max(sequence) FROM groups").fetchone()  # what comes after is for the next pass
            while batch := _read_batch(connection, path, newest or 0):
                last, events = batch
                ledger.append_or_set_aside(events)
                connection.execute("DELETE FROM groups WHERE sequence <= ?", (last,))
                moved += len(events)
                if stop.is_set():
                    return moved
        except sqlite3.Error as error:
            raise unavailable(error, str(path)) from error
        finally:
            connection.close()
        if dead:
            remove(path)
        return moved


def _read_batch(connection: sqlite3.Connection, path: Path, newest: int) -> tuple[int, list[UsageEvent]] | None:
    """The oldest groups up to `newest`, about `_BATCH_EVENTS` events: the last group's sequence and the events; None if there is none."""
    events: list[UsageEvent] = []
    last = None
    for sequence, body in connection.execute("SELECT sequence, body FROM groups WHERE sequence <= ? ORDER BY sequence", (newest,)):
        try:
            events += [UsageEvent.model_validate_json(line) for line in body.split(b"\n")]
        except ValidationError as error:
            problem = Problem(f"a stored event cannot be read: {error.errors()[0]['msg']}", str(path), f"group {sequence}")
            raise Unavailable(problem) from None
        last = sequence
        if len(events) >= _BATCH_EVENTS:
            break
    return None if last is None else (last, events)


def _sweep_locks(folder: Path) -> None:
    """Remove the locks that a crash left behind without an outbox."""
    for lock in folder.glob(f"*{SUFFIX}.lock"):
        path = lock.with_name(lock.name.removesuffix(".lock"))
        if path.exists():
            continue
        with owned_if_dead(path) as dead:
            if dead and not path.exists():
                remove(path)
