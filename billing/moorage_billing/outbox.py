"""The replica's side of metering: a usage event is on disk before its response leaves.

Group commit: one thread writes whatever waits as one row and one commit, so 64 concurrent requests pay for one fsync.
A group is one row because SQLite gives up Python's global lock around every statement: a statement an event would hand
the lock back and forth with the event loop once an event.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import uuid
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.usage import UsageEvent
from moorage_billing.instant import micros_of
from moorage_billing.outbox_file import SUFFIX, acquire, create_outbox, lock_path
from moorage_billing.storage_errors import unavailable

MAX_WAITING = 20_000
_MAX_GROUP = 4096
_PACE_SECONDS = 0.004
"""From commit to commit under load: each costs the event loop two hand-overs of the global lock, so few and large ones are cheaper."""
_Waiting = tuple[str, "asyncio.Future[None]"]


class Outbox:
    """One replica's outbox. `source` is new at every opening, so a counter is id enough for the events."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int, source: str) -> None:
        self.path = path
        self.source = source
        self._connection = connection
        self._lock = lock
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closed = False
        self._writer = Thread(target=self._write_groups, name=f"outbox {path.name}", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, folder: Path, replica: str) -> Outbox:
        """Make this replica's outbox in the service's folder and hold it until `close` or death. Raises InvalidInput, Unavailable."""
        if not replica or "/" in replica or replica.startswith(".") or len(replica) > 150:
            fix = "1 to 150 characters, no slash, not starting with a dot"
            raise InvalidInput(Problem("not a name for an outbox", f"outbox in {folder}", "replica", replica, fix))
        source = f"{replica}-{uuid.uuid4().hex}"
        path = folder / f"{source}{SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = acquire(lock_path(path))
        except OSError as error:
            raise unavailable(error, str(path)) from error
        assert lock is not None, "the name is new, so nobody can hold its lock"  # noqa: S101
        try:
            return cls(path, create_outbox(path), lock, source)
        except BaseException:
            os.close(lock)
            raise

    async def record(self, event: UsageEvent) -> None:
        """Return once `event` is durable.

        Raises InvalidInput if its time is none; Unavailable if it cannot be made durable: then it was not written (after
        an I/O error it may have been). If the caller is cancelled, the event is written all the same.
        """
        micros_of(event.time)  # an event that the ledger would refuse must not get in
        await self.record_line(event.model_dump_json(by_alias=True, exclude_none=True))

    async def record_line(self, line: str) -> None:
        """As `record`, of an event that its caller has encoded and vouches for: a UsageEvent as JSON, on one line."""
        if self._closed:
            raise Unavailable(Problem("the outbox is closed", str(self.path)))
        if self._queue.qsize() >= MAX_WAITING:
            raise Unavailable(
                Problem(
                    f"{MAX_WAITING} events wait for the disk already",
                    str(self.path),
                    remedy="the disk is too slow: add replicas or a faster disk",
                )
            )
        done = asyncio.get_running_loop().create_future()
        self._queue.put((line, done))
        await done

    @property
    def waiting(self) -> int:
        """Events that wait for the next commit, roughly."""
        return self._queue.qsize()

    def close(self) -> None:
        """Write what waits, then let go: a shipper takes what is left. Blocks for as long as that commit takes."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        self._connection.close()
        os.close(self._lock)

    def _write_groups(self) -> None:
        going_on = True
        while going_on:
            group, going_on = self._next_group()
            start = time.monotonic()
            if group:
                _tell(group, self._write(group))
            if len(group) > 1 and going_on:  # a caller that is alone waits for nobody
                time.sleep(max(0.0, start + _PACE_SECONDS - time.monotonic()))

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Everything that waits, at least one; and whether more may come."""
        group: list[_Waiting] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) == _MAX_GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _write(self, group: list[_Waiting]) -> Unavailable | None:
        body = "\n".join([text for text, _ in group]).encode()
        row = (len(group), time.time_ns() // 1000, body)
        try:
            self._connection.execute("INSERT INTO groups (events, written_us, body) VALUES (?, ?, ?)", row)
        except Exception as error:  # this thread must live: everyone who waits would wait for ever
            return unavailable(error, str(self.path))
        return None


def _tell(group: list[_Waiting], failure: Unavailable | None) -> None:
    """Wake everyone who waits, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for _, done in group:
        by_loop.setdefault(done.get_loop(), []).append(done)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, futures, failure)
        except RuntimeError:
            continue  # the loop is closed: nobody waits any more, and what was written stays written


def _settle(futures: list[asyncio.Future[None]], failure: Unavailable | None) -> None:
    for future in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(Unavailable(*failure.problems))
