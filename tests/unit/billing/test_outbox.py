"""The outbox and its shipper: what was acknowledged is in the ledger exactly once, whatever dies in between."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage_api.errors import InvalidInput, Unavailable
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.ledger import Ledger
from moorage_billing.outbox import Outbox
from moorage_billing.shipper import Shipper, backlog, drain, lag_seconds

SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")
PROGRAMS = Path(__file__).parent / "programs"


def event(source: str, number: int, time: str = "2026-11-22T08:30:00Z", tenant: str = "acme") -> UsageEvent:
    return UsageEvent(source=source, id=str(number), tenant=tenant, subject=SERVICE, time=time, code=200, quantities={"Requests": 10**6})


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


def record(outbox: Outbox, *events: UsageEvent) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(outbox.record(e) for e in events))

    asyncio.run(all_at_once())


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def files(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()} - {"shipper.lock"}


def test_what_was_recorded_reaches_the_ledger_and_the_outbox_goes(tmp_path: Path) -> None:
    box = tmp_path / "box"
    outbox = Outbox.open(box, "r1")
    events = [event(outbox.source, n) for n in range(300)]
    record(outbox, *events)
    assert backlog(box).events == 300
    assert 0 <= lag_seconds(backlog(box)) < 60
    outbox.close()
    assert drain(box, url(tmp_path)) == 300
    assert {e.id for e in Ledger(url(tmp_path)).events()} == {e.id for e in events}
    assert drain(box, url(tmp_path)) == 0
    assert files(box) == set()


def test_concurrent_records_share_commits(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "r1")
    record(outbox, *(event(outbox.source, n) for n in range(640)))
    outbox.close()
    with sqlite3.connect(outbox.path) as raw:
        groups, events = raw.execute("SELECT count(*), sum(events) FROM groups").fetchone()
    assert events == 640
    assert groups <= 64


def test_a_live_outbox_is_shipped_and_kept(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "box", "r1")
    record(outbox, event(outbox.source, 1))
    assert drain(tmp_path / "box", url(tmp_path)) == 1
    assert outbox.path.exists()
    record(outbox, event(outbox.source, 2))
    assert drain(tmp_path / "box", url(tmp_path)) == 1
    outbox.close()


def test_each_opening_has_a_source_of_its_own(tmp_path: Path) -> None:
    one, other = Outbox.open(tmp_path, "r1"), Outbox.open(tmp_path, "r1")
    assert one.source != other.source
    one.close()
    other.close()


def test_kill_minus_nine_twenty_times_loses_and_doubles_nothing(tmp_path: Path) -> None:
    box, acknowledged = tmp_path / "box", set()
    shipper = Shipper(box, url(tmp_path), interval_seconds=0.01)
    for run in range(20):
        with subprocess.Popen([sys.executable, PROGRAMS / "record_for_ever.py", box], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(1 + 13 * run)]
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        acknowledged |= {tuple(line.decode().split()) for line in lines if line.endswith(b"\n")}
    shipper.close()
    drain(box, url(tmp_path))
    kept = [(e.source, e.id) for e in Ledger(url(tmp_path)).events()]
    assert len(acknowledged) > 20 * 13 * 9
    assert acknowledged <= set(kept)
    assert len(kept) == len(set(kept))
    assert files(box) == set()


def test_several_shippers_and_outboxes_that_come_and_go_get_along(tmp_path: Path) -> None:
    box = tmp_path / "box"
    shippers = [Shipper(box, url(tmp_path), interval_seconds=0.001) for _ in range(3)]
    for n in range(40):
        outbox = Outbox.open(box, f"r{n}")
        record(outbox, *(event(outbox.source, k) for k in range(5)))
        outbox.close()
    eventually(lambda: box.exists() and files(box) == set())
    for shipper in shippers:
        shipper.close()
        assert shipper.last_error is None
    assert Ledger(url(tmp_path)).count() == 200


def test_a_killed_shipper_loses_and_doubles_nothing(tmp_path: Path) -> None:
    box = tmp_path / "box"
    outbox = Outbox.open(box, "r1")
    for run in range(5):
        command = [sys.executable, PROGRAMS / "ship_for_ever.py", box, url(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            for n in range(20 + 17 * run):
                record(outbox, *(event(outbox.source, run * 10_000 + n * 10 + k) for k in range(10)))
            process.kill()
    outbox.close()
    drain(box, url(tmp_path))
    kept = [int(e.id) for e in Ledger(url(tmp_path)).events()]
    assert len(kept) == sum(10 * (20 + 17 * run) for run in range(5)) == len(set(kept))


def test_an_event_that_was_shipped_but_not_deleted_is_not_billed_twice(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "box", "r1")
    record(outbox, event(outbox.source, 1))
    Ledger(url(tmp_path)).append([event(outbox.source, 1)])
    assert drain(tmp_path / "box", url(tmp_path)) == 1
    assert Ledger(url(tmp_path)).count() == 1
    outbox.close()


def test_the_shipper_waits_for_a_ledger_that_is_out(tmp_path: Path) -> None:
    box, ledgers = tmp_path / "box", tmp_path / "ledgers"
    outbox = Outbox.open(box, "r1")
    shipper = Shipper(box, url(ledgers), interval_seconds=0.01)
    record(outbox, event(outbox.source, 1))
    eventually(lambda: isinstance(shipper.last_error, Unavailable))
    assert shipper.backlog().events == 1
    ledgers.mkdir()
    eventually(lambda: shipper.shipped == 1 and shipper.last_error is None)
    record(outbox, event(outbox.source, 2))
    eventually(lambda: shipper.shipped == 2)
    outbox.close()
    eventually(lambda: files(box) == set())
    shipper.close()
    assert Ledger(url(ledgers)).count() == 2


def test_a_conflicting_event_is_set_aside_and_holds_up_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox.open(tmp_path / "box", "r1")
    Ledger(url(tmp_path)).append([event(outbox.source, 1)])
    record(outbox, event(outbox.source, 1, tenant="other"), event(outbox.source, 1, tenant="third"), event(outbox.source, 2))
    drain(tmp_path / "box", url(tmp_path))
    ledger = Ledger(url(tmp_path))
    assert [e.id for e in ledger.events()] == ["1", "2"]
    assert {e.tenant for e in ledger.conflicts()} == {"other", "third"}
    assert "set aside" in caplog.text
    outbox.close()


def test_a_damaged_outbox_is_named_and_holds_up_no_other(tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.mkdir()
    (box / "a.outbox").write_bytes(b"no database at all " * 300)
    outbox = Outbox.open(box, "r1")
    record(outbox, event(outbox.source, 1))
    outbox.close()
    with pytest.raises(Unavailable, match=r"a\.outbox: the file is not a SQLite database"):
        drain(box, url(tmp_path))
    assert Ledger(url(tmp_path)).count() == 1
    assert (box / "a.outbox").exists()


def test_a_full_disk_fails_the_record_and_heals(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "box", "r1")
    pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(Unavailable, match="the disk is full"):
        record(outbox, *(event(outbox.source, n) for n in range(500)))
    outbox._connection.execute("PRAGMA max_page_count = 1000000")
    record(outbox, event(outbox.source, 1000))
    outbox.close()
    drain(tmp_path / "box", url(tmp_path))
    assert "1000" in {e.id for e in Ledger(url(tmp_path)).events()}


def test_too_many_waiting_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage_billing.outbox.MAX_WAITING", 3)
    outbox = Outbox.open(tmp_path, "r1")

    async def burst() -> list[BaseException | None]:
        return await asyncio.gather(*(outbox.record(event(outbox.source, n)) for n in range(200)), return_exceptions=True)

    results = asyncio.run(burst())
    outbox.close()
    refused = [r for r in results if r is not None]
    assert all(isinstance(r, Unavailable) and "wait for the disk" in str(r) for r in refused)
    assert backlog(tmp_path).events == 200 - len(refused)


def test_a_cancelled_caller_leaves_the_others_unharmed(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "r1")

    async def two() -> None:
        doomed = asyncio.ensure_future(outbox.record(event(outbox.source, 1)))
        await asyncio.sleep(0)
        doomed.cancel()
        await outbox.record(event(outbox.source, 2))

    asyncio.run(two())
    outbox.close()
    assert backlog(tmp_path).events == 2


def test_a_closed_outbox_and_a_bad_time_and_a_bad_name_are_refused(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "r1")
    with pytest.raises(InvalidInput, match="RFC 3339"):
        record(outbox, event(outbox.source, 1, time="2026-02-31T00:00:00Z"))
    outbox.close()
    outbox.close()
    with pytest.raises(Unavailable, match="closed"):
        record(outbox, event(outbox.source, 1))
    with pytest.raises(InvalidInput, match="not a name for an outbox"):
        Outbox.open(tmp_path, "a/b")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match=r"file/r1-.*\.outbox"):
        Outbox.open(tmp_path / "file", "r1")


def test_locks_that_a_crash_left_are_swept(tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.mkdir()
    (box / "gone.outbox.lock").touch()
    (box / "half.outbox.lock").touch()
    (box / "half.outbox.new").write_bytes(b"never finished")
    (box / "empty.outbox").touch()
    assert drain(box, url(tmp_path)) == 0
    assert files(box) == set()
