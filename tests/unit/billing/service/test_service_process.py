"""The service as a process: killed at any moment it loses nothing and counts nothing twice; told to stop it finishes its work."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from typing import Any

import httpx

from moorage_api.errors import Unavailable
from moorage_billing.ledger import Ledger
from moorage_billing.remote import RemoteLedger


def test_killed_in_the_middle_again_and_again_nothing_is_lost_or_counted_twice(program: Any, make_event: Any) -> None:
    program.start()
    clients = 4
    batches = [[make_event(n, source=f"box{c}", quantities={"Requests": 10**6}) for n in range(400)] for c in range(clients)]
    acknowledged = [0] * clients
    failures: list[int] = []

    def send(client: int) -> None:
        remote = RemoteLedger(program.url, token="pod-token", timeout_seconds=10)
        at = 0
        while at < len(batches[client]):
            batch = batches[client][max(0, at - 5) : at + 20]  # some are sent again, as after a lost answer
            try:
                remote.append_or_set_aside(batch)
            except Unavailable:
                failures.append(client)
                time.sleep(0.05)
                continue
            at += 20
            acknowledged[client] = at
        remote.close()

    threads = [threading.Thread(target=send, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    chance = random.Random(7)
    for _ in range(2):
        time.sleep(chance.uniform(0.05, 0.4))
        before = list(acknowledged)
        program.end(signal.SIGKILL)
        ledger = Ledger(f"sqlite:///{program.folder}/ledger.db")
        held = {(event.source, event.id) for event in ledger.events()}
        ledger.close()
        lost = [(f"box{c}", f"{n:06d}") for c in range(clients) for n in range(before[c]) if (f"box{c}", f"{n:06d}") not in held]
        assert lost == [], "acknowledged means durable"
        program.start()
    for thread in threads:
        thread.join(120)
    assert failures, "the kills came too late to matter"
    assert program.end() == 0
    ledger = Ledger(f"sqlite:///{program.folder}/ledger.db")
    assert sorted((e.source, e.id) for e in ledger.events()) == [(f"box{c}", f"{n:06d}") for c in range(clients) for n in range(400)]
    assert ledger.conflicts() == []
    ledger.close()


def test_told_to_stop_it_answers_what_is_in_work(program: Any, make_event: Any) -> None:
    program.start()
    results: list[Any] = []
    held = sqlite3.connect(program.folder / "ledger.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")

    def send() -> None:
        remote = RemoteLedger(program.url, token="pod-token")
        results.append(remote.append([make_event(1)]))
        remote.close()

    sender = threading.Thread(target=send)
    sender.start()
    deadline = time.monotonic() + 60
    waiting = 'moorage_ledger_requests_in_work{method="POST",route="/v1/events"} 1.0'
    while waiting not in httpx.get(f"{program.url}/metrics", timeout=30).text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process = program.process
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None, "it waits for the request"
    held.execute("ROLLBACK")
    held.close()
    sender.join(30)
    assert results == [1]
    assert process.wait(30) == 0
    program.process = None
    assert program.log.rstrip().endswith("stopped")
    ledger = Ledger(f"sqlite:///{program.folder}/ledger.db")
    assert ledger.count() == 1
    ledger.close()


def test_what_was_told_once_is_known_after_a_restart(program: Any, catalogue: Any, make_event: Any) -> None:
    program.start()
    remote = RemoteLedger(program.url, token="operator-token")
    remote.put_catalogue(*catalogue)
    key = remote.create_key("acme")
    remote.append([make_event(1)])
    policy = remote.access_policy(["acme"])
    assert program.end(signal.SIGINT) == 0
    program.start()
    assert remote.access_policy(["acme"]) == policy
    assert remote.cost("ModelService", "u1").cost == "0"
    assert remote.revoke_key(key.key).key.state == "revoked"
    remote.close()
    assert "operator-token" not in program.log
    assert key.key not in program.log
