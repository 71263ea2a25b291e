"""The ledger: each (source, id) once, nothing ever changed, errors that name the file and the remedy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from moorage_api.errors import InvalidInput, Unavailable
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.ledger import ConflictingEvents, Ledger
from moorage_billing.period import Period

SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")


def event(number: int, source: str = "box", tenant: str = "acme", time: str = "2026-11-22T08:30:00Z", code: int = 200) -> UsageEvent:
    quantities = {"Requests": 10**6}
    return UsageEvent(source=source, id=f"{number:06d}", tenant=tenant, subject=SERVICE, time=time, code=code, quantities=quantities)


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


def test_an_event_is_counted_once_however_often_it_comes(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    assert ledger.append([event(1), event(2), event(1)]) == 2
    assert ledger.append([event(2), event(3)]) == 1
    assert ledger.append([]) == 0
    assert [e.id for e in ledger.events()] == ["000001", "000002", "000003"]


def test_the_same_instant_spelt_otherwise_is_the_same_event(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    ledger.append([event(1)])
    assert ledger.append([event(1, time="2026-11-22T08:30:00.0+00:00")]) == 0


def test_other_contents_under_a_known_id_are_an_error_that_names_both_and_write_nothing(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    ledger.append([event(1)])
    with pytest.raises(ConflictingEvents, match="source box, id 000001") as caught:
        ledger.append([event(2), event(1, tenant="other")])
    assert caught.value.events == (event(1, tenant="other"),)
    with pytest.raises(ConflictingEvents):
        ledger.append([event(3), event(3, code=500)])
    assert list(ledger.events()) == [event(1)]


def test_a_conflicting_event_is_set_aside_once_and_never_billed(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    for _ in range(2):
        ledger.set_aside(event(1, tenant="other"))
    assert ledger.conflicts() == [event(1, tenant="other")]
    assert list(ledger.events()) == []


def test_events_are_filtered_and_in_order(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    other = SERVICE.model_copy(update={"uid": "u2"})
    ledger.append(
        [
            event(3, time="2026-11-30T23:59:59.999999Z"),
            event(2, source="b", time="2026-11-01T00:00:00Z"),
            event(1, source="a", time="2026-11-01T00:00:00Z"),
            event(4, time="2026-12-01T00:00:00Z"),
            event(5, tenant="beta"),
            event(6).model_copy(update={"subject": other}),
        ]
    )
    november = ledger.events(tenant="acme", period=Period.parse("2026-11"), subject=SERVICE)
    assert [e.id for e in november] == ["000001", "000002", "000003"]
    assert [e.id for e in ledger.events(subject=other)] == ["000006"]
    assert ledger.tenants() == ["acme", "beta"]
    assert ledger.count() == 6


@pytest.mark.parametrize("statement", ["UPDATE usage_events SET tenant = 'x'", "DELETE FROM usage_events", "DELETE FROM schema_version"])
def test_nobody_can_change_or_delete(tmp_path: Path, statement: str) -> None:
    Ledger(url(tmp_path)).append([event(1)])
    with sqlite3.connect(tmp_path / "ledger.db") as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)


def test_the_file_is_durable_by_its_settings(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    with ledger._database.read() as connection:
        settings = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_four_processes_append_overlapping_events_to_a_new_ledger(tmp_path: Path) -> None:
    program = Path(__file__).parent / "programs" / "append_range.py"
    starts = (0, 50, 100, 150)
    workers = [subprocess.Popen([sys.executable, program, url(tmp_path), str(start), str(start + 200)]) for start in starts]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    assert [int(e.id) for e in Ledger(url(tmp_path)).events()] == list(range(350))


def test_a_ledger_of_a_newer_moorage_is_left_alone(tmp_path: Path) -> None:
    Ledger(url(tmp_path)).close()
    with sqlite3.connect(tmp_path / "ledger.db") as raw:
        raw.execute("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(Unavailable, match="schema 99"):
        Ledger(url(tmp_path))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, by any means" * 100)
    with pytest.raises(Unavailable, match=r"ledger\.db: the file is not a SQLite database"):
        Ledger(url(tmp_path))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    ledger.append([event(n) for n in range(500)])
    ledger.close()
    path = tmp_path / "ledger.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(Unavailable, match=r"ledger\.db: the file is damaged"):
        list(Ledger(url(tmp_path)).events())


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path))
    ledger.append([event(1)])
    with ledger._database.read() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {connection.exec_driver_sql('PRAGMA page_count').scalar() + 2}")
    with pytest.raises(Unavailable, match=r"ledger\.db: the disk is full"):
        ledger.append([event(n) for n in range(2, 5000)])
    assert list(Ledger(url(tmp_path)).events()) == [event(1)]


def test_a_locked_ledger_is_named(tmp_path: Path) -> None:
    ledger = Ledger(url(tmp_path), busy_seconds=0.05)
    holder = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match=r"ledger\.db: locked by another process"):
        ledger.append([event(1)])
    holder.execute("ROLLBACK")
    assert ledger.append([event(1)]) == 1


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="create its folder"):
        Ledger(url(tmp_path / "missing"))


@pytest.mark.parametrize("bad", ["ledger.db", "sqlite://", "sqlite:///:memory:", "mysql://host/db", "nonsense://x", ""])
def test_a_bad_url_says_what_to_write(bad: str) -> None:
    with pytest.raises(InvalidInput, match="sqlite:////ABSOLUTE/PATH"):
        Ledger(bad)


def test_a_missing_postgresql_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InvalidInput, match=r"pip install 'psycopg\[binary\]"):
        Ledger("postgresql+psycopg://moorage@localhost/ledger")
