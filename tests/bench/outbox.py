"""`python tests/bench/outbox.py [--events N] [--concurrent N] [--folder DIR] [--slow-disk-ms MS]`: metering's price on this disk.

Prints events/s and the p50 and p99 of `record()`, for the outbox and, in the same run on the same disk, for the peer that
it stands against: one commit per event, by the same SQLite with the same durability. A slow disk adds that long to every
commit of both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from moorage_api.errors import Unavailable
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.outbox import Outbox
from moorage_billing.shipper import drain

SUBJECT = Subject(kind="ModelService", namespace="default", name="digits", uid="0f8b5a52-8c0f-4b53-9d0c-2f4f0a1f7d11")
Record = Callable[[UsageEvent], Awaitable[None]]


def event(source: str, number: int) -> UsageEvent:
    return UsageEvent(
        source=source,
        id=str(number),
        tenant="acme",
        subject=SUBJECT,
        time="2026-11-22T08:30:00Z",
        code=200,
        quantities={"Requests": 1_000_000, "RowsPredicted": 1_000_000},
    )


async def measure(record: Record, events: int, concurrent: int) -> dict[str, float]:
    numbers = iter(range(events))
    seconds: list[float] = []

    async def caller() -> None:
        for number in numbers:
            began = time.perf_counter()
            await record(event("bench", number))
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(concurrent)))
    total = time.perf_counter() - began
    seconds.sort()
    return {
        "events_per_second": round(events / total),
        "p50_ms": round(seconds[len(seconds) // 2] * 1000, 3),
        "p99_ms": round(seconds[len(seconds) * 99 // 100] * 1000, 3),
    }


class SlowDisk(Outbox):
    """An outbox on a disk whose every commit takes longer."""

    extra_seconds = 0.0

    def _write(self, group: list[tuple[str, asyncio.Future[None]]]) -> Unavailable | None:
        time.sleep(self.extra_seconds)
        return super()._write(group)


def commit_each(folder: Path, extra_seconds: float) -> Record:
    connection = sqlite3.connect(folder / "peer.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE events (body TEXT)")

    async def record(one: UsageEvent) -> None:
        if extra_seconds:
            time.sleep(extra_seconds)  # noqa: ASYNC251 (a commit blocks)
        connection.execute("INSERT INTO events VALUES (?)", (one.model_dump_json(by_alias=True, exclude_none=True),))

    return record


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--concurrent", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="where the files lie; default: a temporary folder")
    parser.add_argument("--slow-disk-ms", type=float, default=0)
    arguments = parser.parse_args()
    SlowDisk.extra_seconds = arguments.slow_disk_ms / 1000
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        peer = asyncio.run(measure(commit_each(folder, SlowDisk.extra_seconds), max(arguments.events // 10, 1), arguments.concurrent))
        outbox = SlowDisk.open(folder / "outbox", "bench")
        ours = asyncio.run(measure(outbox.record, arguments.events, arguments.concurrent))
        outbox.close()
        began = time.perf_counter()
        shipped = drain(folder / "outbox", f"sqlite:///{folder}/ledger.db")
        drained = round(shipped / (time.perf_counter() - began))
    ratio = round(ours["events_per_second"] / peer["events_per_second"], 2)
    print(json.dumps({"outbox": ours, "one_commit_per_event": peer, "ratio": ratio, "shipped_per_second": drained, "shipped": shipped}))


if __name__ == "__main__":
    main()
