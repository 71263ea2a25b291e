"""Kills, outages and moves: every event that was durable is billed, and none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from serving_cluster_world import SERVICE, eventually, fill

from moorage_api.errors import Unavailable
from moorage_serving.cluster.last_shipment import ship_or_spill
from moorage_serving.cluster.spill import spill

RECORDER = Path(__file__).parents[1] / "billing" / "programs" / "record_for_ever.py"


def mine(ledger, expected: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is billed of the sources in `expected`."""
    sources = {source for source, _ in expected}
    return [found for found in ledger.events() if found[0] in sources]


def age(folder: Path) -> None:
    """Make the files of a spill folder old enough to be taken."""
    for path in folder.glob("*/*/*"):
        os.utime(path, (0, 0))


def test_agents_and_a_replica_that_are_killed_lose_nothing_and_bill_nothing_twice(ledger, agent):
    running, chance = agent(), random.Random(7)
    recorder = subprocess.Popen([sys.executable, str(RECORDER), str(running.outbox)], stdout=subprocess.PIPE, text=True)
    lines = [recorder.stdout.readline()]
    for _ in range(3):
        running.start()
        time.sleep(0.7 + 0.5 * chance.random())
        running.kill()
    recorder.kill()
    lines += recorder.stdout.read().splitlines()
    durable = {tuple(line.split()) for line in lines if len(line.split()) == 2}
    running.start()
    eventually(lambda: running.get("/healthz")[0] == 200)
    assert running.end() == 0
    billed = mine(ledger, durable)
    assert len(durable) > 100
    assert durable <= set(billed)
    assert len(billed) == len(set(billed))
    assert running.left() == []
    assert list(running.outbox.glob("*.outbox")) == []


def test_what_cannot_be_shipped_is_kept_on_the_volume_and_shipped_by_another_pod(ledger, agent):
    ledger.stop()
    going = agent("pod-1", drain_seconds=0.5)
    durable = fill(going.outbox, 5000) | fill(going.outbox, 1, "other")
    fill(going.outbox, 0, "idle")
    going.start()
    eventually(lambda: going.get("/healthz")[0] == 200)
    started = time.monotonic()
    assert going.end() == 0
    assert time.monotonic() - started < 10
    assert len(going.left()) == 2
    assert {path.parent.name for path in going.spill.glob("*/*/*")} == {"pod-1"}
    assert {path.parent.parent.name for path in going.spill.glob("*/*/*")} == {SERVICE.uid}

    ledger.start()
    staying = agent("pod-2")
    staying.start()
    eventually(lambda: staying.get("/readyz")[0] == 200)
    time.sleep(0.5)
    assert len(staying.left()) == 2, "a file that was written a moment ago may be that of a pod which still ships"
    assert staying.end() == 0
    age(staying.spill)
    for _ in range(2):  # and whoever adopts may be killed while it does
        staying.start()
        eventually(lambda: mine(ledger, durable) or not staying.left())
        staying.kill()
    staying.start()
    eventually(lambda: not staying.left())
    assert staying.end() == 0
    billed = mine(ledger, durable)
    assert set(billed) == durable
    assert len(billed) == len(durable)
    assert list(staying.spill.glob("*/*")) == [], "empty folders go too"


def test_a_ledger_that_takes_connections_and_says_nothing_does_not_hold_up_the_end(ledger, agent):
    going = agent("pod-1", drain_seconds=1.0)
    durable = fill(going.outbox, 10)
    ledger.process.send_signal(signal.SIGSTOP)
    try:
        going.start()
        eventually(lambda: going.get("/healthz")[0] == 200)
        started = time.monotonic()
        assert going.end() == 0
        assert time.monotonic() - started < 10
    finally:
        ledger.process.send_signal(signal.SIGCONT)
    assert len(going.left()) == 1
    again = agent("pod-2")
    age(again.spill)
    again.start()
    eventually(lambda: not again.left())
    assert sorted(mine(ledger, durable)) == sorted(durable)


def test_a_volume_that_fails_is_tried_again_until_it_works(tmp_path, monkeypatch):
    monkeypatch.setattr("moorage_serving.cluster.last_shipment.PAUSE_SECONDS", 0.05)
    fill(tmp_path / "outbox", 3)
    target = tmp_path / "volume" / "u1" / "pod"
    (tmp_path / "volume").write_text("in the way")
    failures = []

    def failing(outboxes: Path, folder: Path) -> int:
        try:
            return spill(outboxes, folder)
        except (Unavailable, OSError):
            failures.append(1)
            if len(failures) == 3:
                (tmp_path / "volume").unlink()
            raise

    monkeypatch.setattr("moorage_serving.cluster.last_shipment.spill", failing)
    ship_or_spill(tmp_path / "outbox", "http://127.0.0.1:9", target, 0.1)
    assert len(failures) == 3
    assert len(list(target.glob("*.events"))) == 1


def test_an_outbox_that_sqlite_cannot_read_is_kept_for_a_person_and_holds_up_no_other(tmp_path):
    fill(tmp_path / "outbox", 3)
    (tmp_path / "outbox" / "a.outbox").write_bytes(b"no database" * 1000)
    target = tmp_path / "volume" / "u1" / "pod"
    with pytest.raises(Unavailable, match="not a SQLite database"):
        spill(tmp_path / "outbox", target)
    assert len(list(target.glob("*.events"))) == 1
    assert (target / "a.damaged").read_bytes() == b"no database" * 1000
