"""`kill -9` on a serving replica under load, again and again: what callers received is in the ledger, each answer once."""

import concurrent.futures
import os
import signal
import threading
from collections import Counter

import httpx
from serving_processes import replica_pids
from serving_scenario import eventually

from moorage_billing.ledger import Ledger

KILLS = int(os.environ.get("MOORAGE_TEST_KILLS", "20"))
CALLERS = 4
PAUSE_SECONDS = 0.004
"""Between a caller's requests: the load is to leave room for the replicas that start."""
IMAGE = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": [1] * 64}], "outputs": [{"name": "label"}]}
SERVICE = "default/crowd"


def test_every_answer_received_is_in_the_ledger_exactly_once(host, configs, key):
    received = []
    stop = threading.Event()

    def call():
        url = f"http://{host.address}/{SERVICE}/v2/models/crowd/infer"
        with httpx.Client(headers={"X-API-Key": key}, timeout=30) as client:
            while not stop.is_set():
                try:
                    answer = client.post(url, json=IMAGE)
                except httpx.TransportError:
                    continue
                event = answer.headers.get("x-moorage-usage-event")
                if event is None:
                    stop.wait(0.01)  # the ingress answered 500 itself: no replica is up
                else:
                    received.append((event, answer.status_code))
                    stop.wait(PAUSE_SECONDS)

    killed = set()
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(call) for _ in range(CALLERS)]
        try:
            for _ in range(KILLS):
                kill_one_that_answers(host, received, killed)
            mark = len(received)
            eventually(lambda: len(received) > mark + 20, 60, "the last replicas answer")
        finally:
            stop.set()
        for caller in callers:
            caller.result()
    assert len(killed) == KILLS
    names = [event for event, _ in received]
    assert len(set(names)) == len(names), "no two answers carry the same event"
    assert len({name.split("/")[0] for name in names}) > KILLS / 2, "the answers came from the replicas that were killed, too"
    metered = eventually(lambda: complete(configs["crowd"].ledger, names), 30, "every answer received is in the ledger")
    assert all(count == 1 for count in metered.values())
    assert {code for _, code in received} == {200}


def kill_one_that_answers(host, received, killed):
    """Kill one replica as soon as another one is up as well and requests are being answered."""

    def victim():
        pids = [pid for pid in replica_pids(host.process.pid, SERVICE) if pid not in killed]
        running = host.status()[SERVICE]["replicas"]
        return pids[0] if running >= 2 and len(pids) >= 2 else None

    mark = len(received)
    eventually(lambda: len(received) > mark + 10, 60, "requests are answered")
    pid = eventually(victim, 60, "two replicas run")
    killed.add(pid)
    os.kill(pid, signal.SIGKILL)


def complete(url, names):
    """How often each event is in the ledger, once none of `names` is missing from it."""
    ledger = Ledger(url)
    try:
        found = Counter(f"{event.source}/{event.id}" for event in ledger.events() if event.code is not None)
    finally:
        ledger.close()
    return {name: found[name] for name in found} if set(names) <= set(found) else None
