"""What must hold on every database that may hold a ledger: SQLite, and a real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import func, select, text

from moorage_api.dataset import PrivacyBudget
from moorage_api.errors import InvalidInput, Refused, Unavailable
from moorage_api.ledger_api import Catalogue
from moorage_api.manifest import parse_resource
from moorage_api.privacy import PrivacyMechanism
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.catalogue import CatalogueLedger
from moorage_billing.database import Database
from moorage_billing.key_ledger import KeyLedger
from moorage_billing.ledger import ConflictingEvents, Ledger, Receipt
from moorage_billing.period import Period
from moorage_billing.privacy_ledger import DatasetKey, PrivacyLedger
from moorage_billing.schema import usage_events

T = TypeVar("T")
PROGRAMS = Path(__file__).parent / "programs"
SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def event(number: int, source: str = "box", tenant: str = "acme", time: str = "2026-11-22T08:30:00Z", code: int = 200) -> UsageEvent:
    quantities: Any = {"Requests": 10**6}
    return UsageEvent(source=source, id=f"{number:06d}", tenant=tenant, subject=SERVICE, time=time, code=code, quantities=quantities)


def tenant(name: str, **spec: Any) -> Any:
    return parse_resource(
        {"apiVersion": "moorage.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": {"plan": "p", **spec}}, "test"
    )


def at_once(count: int, do: Callable[[int], T]) -> list[T | Exception]:
    """The results of `do(0)`, `do(1)`, …, started together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> T | Exception:
        barrier.wait()
        try:
            return do(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_each_event_once_in_order_and_conflicts_beside(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    assert ledger.append([event(2), event(1), event(2)]) == 2
    assert ledger.append([event(2), event(3)]) == 1
    with pytest.raises(ConflictingEvents, match="source box, id 000001"):
        ledger.append([event(4), event(1, tenant="other")])
    batch = [event(4), event(1, tenant="other"), event(2, code=500), event(2, code=500)]
    assert ledger.take(batch) == Receipt(1, 3)
    assert ledger.take(batch) == Receipt(0, 3)
    assert ledger.conflicts() == [event(1, tenant="other"), event(2, code=500)]
    assert list(ledger.events("acme", Period.parse("2026-11"))) == [event(1), event(2), event(3), event(4)]
    assert ledger.count() == 4
    ledger.close()


def test_texts_are_ordered_by_code_point(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    sources = ["b", "B", "é", "a-1", "a_1", "a1", "Z"]
    ledger.append([event(1, source=source) for source in sources])
    assert [e.source for e in ledger.events()] == sorted(sources)
    ledger.close()


@pytest.mark.parametrize("change", [{"name": "a\0b"}, {"uid": "u" * 254}])
def test_what_one_database_cannot_hold_no_ledger_takes(ledger_url: str, change: dict[str, str]) -> None:
    ledger = Ledger(ledger_url)
    bad = event(1).model_copy(update={"subject": SERVICE.model_copy(update=change)})
    with pytest.raises(InvalidInput, match=r"source 'box', id '000001': (name|uid): not a text for a ledger"):
        ledger.append([event(2), bad])
    assert ledger.count() == 0
    ledger.close()


@pytest.mark.parametrize("statement", ["UPDATE usage_events SET tenant = 'x'", "DELETE FROM api_key_entries", "DELETE FROM schema_version"])
def test_nothing_is_changed_or_deleted(ledger_url: str, statement: str) -> None:
    database = Database(ledger_url)
    Ledger(database).append([event(1)])
    KeyLedger(database).create("acme", NOW, None)
    with pytest.raises(Unavailable, match="append-only"), database.write() as connection:
        connection.execute(text(statement))
    assert Ledger(database).count() == 1
    database.close()


def test_many_processes_make_one_ledger_and_bill_nothing_twice(ledger_url: str) -> None:
    program = str(PROGRAMS / "append_range.py")
    ranges = [(0, 70), (35, 105), (70, 140), (0, 140)]
    runs = [subprocess.Popen([sys.executable, program, ledger_url, str(first), str(last)]) for first, last in ranges]
    assert [run.wait(120) for run in runs] == [0] * 4
    ledger = Ledger(ledger_url)
    assert [e.id for e in ledger.events()] == [f"{number:06d}" for number in range(140)]
    ledger.close()


def test_rows_become_visible_in_the_order_of_their_sequence(ledger_url: str) -> None:
    """Whoever follows the ledger by sequence misses nothing, though many write."""
    database = Database(ledger_url)
    ledger = Ledger(database)
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        ended = False
        while not ended:
            ended = done.is_set()
            with database.read() as connection:
                query = select(usage_events.c.sequence).where(usage_events.c.sequence > (seen[-1] if seen else 0))
                seen.extend(connection.scalars(query.order_by(usage_events.c.sequence)))

    follower = threading.Thread(target=follow)
    follower.start()
    results = at_once(6, lambda n: [ledger.append([event(n * 1000 + i * 10 + j) for j in range(10)]) for i in range(15)])
    done.set()
    follower.join()
    assert results == [[10] * 15] * 6
    with database.read() as connection:
        assert seen == list(connection.scalars(select(usage_events.c.sequence).order_by(usage_events.c.sequence)))
        assert len(seen) == 900 == connection.scalar(select(func.count()).select_from(usage_events))
    database.close()


def test_of_many_runs_that_together_overspend_as_many_are_granted_as_fit(ledger_url: str) -> None:
    ledger = PrivacyLedger(ledger_url)
    dataset, budget = DatasetKey.of("sklearn://digits"), PrivacyBudget(epsilon=2.0, delta=1e-5)
    mechanism = PrivacyMechanism(sampling_rate=0.02, noise_multiplier=1.1, steps=150)

    def reserve(number: int) -> float:
        return ledger.reserve(dataset, budget, f"u{number}/run", f"TrainingJob default/j{number}", mechanism).epsilon

    results = at_once(6, reserve)
    granted = [result for result in results if isinstance(result, float)]
    assert len(granted) == 2, results
    assert all(isinstance(result, float | Refused) for result in results)
    assert ledger.statement(dataset).reserved == max(granted) <= 2.0
    ledger.close()


def test_a_tenant_never_has_more_than_two_active_keys(ledger_url: str) -> None:
    database = Database(ledger_url)
    keys = KeyLedger(database)
    results = at_once(6, lambda _: keys.create("acme", NOW, None))
    assert sum(isinstance(result, Refused) for result in results) == 4, results
    first, second = keys.keys()["acme"]
    assert keys.revoke(first.prefix, NOW) == keys.revoke(first.prefix + "_anything", NOW)
    made = keys.create("acme", NOW, None)
    kept = KeyLedger(database).keys("acme")["acme"]
    assert [k.revoked_at is None for k in kept] == [False, True, True]
    assert kept[1:] == [second, made.kept]
    with pytest.raises(InvalidInput, match="no key has this prefix"):
        keys.revoke("mrg_nonesuch", NOW)
    database.close()


def test_a_catalogue_has_a_new_revision_only_where_it_changed(ledger_url: str) -> None:
    database = Database(ledger_url)
    ledger = CatalogueLedger(database)
    assert ledger.current().catalogue == Catalogue()
    first = Catalogue(tenants=[tenant("b"), tenant("a")])
    again = Catalogue(tenants=[tenant("a"), tenant("b")])
    results = at_once(4, lambda n: ledger.put(first if n % 2 else again))
    assert sorted(changed for _, changed in results) == [False, False, False, True]
    assert ledger.put(Catalogue(tenants=[tenant("a")])) == (2, True)
    assert ledger.put(first) == (3, True)
    known = CatalogueLedger(database).current()
    assert known.revision == 3
    assert [t.metadata.name for t in known.catalogue.tenants] == ["a", "b"]
    database.close()


def test_a_ledger_of_version_1_is_upgraded_where_it_stands(ledger_url: str) -> None:
    folder = Path(__file__).parent
    row = "INSERT INTO usage_events (source,id,tenant,kind,namespace,name,uid,time_us,code,quantities) VALUES "
    old = row + "('box','000001','acme','ModelService','default','digits','u1',1795336200000000,200,'{\"Requests\":1000000}')"
    if ledger_url.startswith("sqlite"):
        import sqlite3

        with sqlite3.connect(ledger_url.removeprefix("sqlite:///")) as raw:
            raw.executescript((folder / "schema_1.sqlite.sql").read_text() + old)
        raw.close()
    else:
        import psycopg

        with psycopg.connect(ledger_url) as server:
            server.execute((folder / "schema_1.postgresql.sql").read_text() + old)
    results = at_once(4, lambda _: Database(ledger_url))
    database = results[0]
    assert isinstance(database, Database), results
    ledger = Ledger(database)
    assert ledger.append([event(1), event(2)]) == 1
    assert list(ledger.events()) == [event(1), event(2)]
    KeyLedger(database).create("acme", NOW, None)
    with database.read() as connection:
        assert list(connection.scalars(text("SELECT version FROM schema_version ORDER BY version"))) == [1, 2]
    for opened in results:
        assert isinstance(opened, Database)
        opened.close()


@pytest.mark.postgresql
def test_a_server_that_went_down_is_unavailable_and_then_used_again(postgresql: Any) -> None:
    ledger = Ledger(postgresql.new_database(), busy_seconds=5)
    ledger.append([event(1)])
    postgresql.stop()
    try:
        with pytest.raises(Unavailable, match="postgresql"):
            ledger.append([event(2)])
    finally:
        postgresql.start()
    assert ledger.append([event(1), event(2)]) == 1
    ledger.close()


@pytest.mark.postgresql
def test_a_lock_that_is_held_too_long_is_unavailable(postgresql: Any) -> None:
    import psycopg

    url = postgresql.new_database()
    ledger = Ledger(url, busy_seconds=0.5)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE schema_version IN SHARE ROW EXCLUSIVE MODE")
        start = time.monotonic()
        with pytest.raises(Unavailable, match="locked by another transaction"):
            ledger.append([event(1)])
        assert 0.3 < time.monotonic() - start < 10
        assert ledger.count() == 0, "readers do not wait for writers"
    assert ledger.append([event(1)]) == 1
    ledger.close()


@pytest.mark.postgresql
def test_a_commit_is_durable_even_where_the_server_says_otherwise(postgresql: Any) -> None:
    import psycopg

    url = postgresql.new_database()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET synchronous_commit = off")
    database = Database(url)
    with database.write() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
    database.close()


@pytest.mark.postgresql
def test_a_login_that_is_refused_says_so_without_the_password(postgresql: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        Database(f"postgresql://ledger:hunter2@127.0.0.1:{postgresql.port}/nowhere?password=hunter2&sslmode=disable")
    message = str(caught.value)
    assert "hunter2" not in message
    assert 'database "nowhere" does not exist' in message
