"""How a host follows its document and ends. Runs after the other files that share the host: it ends the host."""

import concurrent.futures
import json
import threading
import time

import httpx
from serving_processes import alive, descendants, replica_pids
from serving_scenario import ONE, eventually, infer

from moorage_api.model_service import Batching
from moorage_billing.ledger import Ledger


def test_a_changed_document_replaces_replicas_without_a_failed_request(host, configs, key):
    stop = threading.Event()

    def call():
        codes = []
        with httpx.Client(headers={"X-API-Key": key}, timeout=30) as client:
            while not stop.is_set():
                codes.append(client.post(f"http://{host.address}/default/iris/v2/models/iris/infer", json=ONE).status_code)
        return codes

    (before,) = replica_pids(host.process.pid, "default/iris")
    changed = configs["iris"].model_copy(update={"batching": Batching(max_rows=7)})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        callers = [pool.submit(call) for _ in range(2)]
        try:
            host.write([changed, configs["crowd"], configs["broken"]])
            eventually(lambda: before not in replica_pids(host.process.pid, "default/iris"), 60, "the old replica is gone")
        finally:
            stop.set()
        codes = [code for caller in callers for code in caller.result()]
    assert len(codes) > 100
    assert set(codes) == {200}
    eventually(lambda: "default/loans" not in host.status(), 20, "the removed service is gone")
    assert infer(host, key, name="loans").status_code == 404


def test_stopping_answers_what_is_in_work_ships_everything_and_leaves_nothing(host, configs, key, home):
    received = {}
    stop = threading.Event()

    def call():
        with httpx.Client(headers={"X-API-Key": key}, timeout=30) as client:
            while not stop.is_set():
                answer = client.post(f"http://{host.address}/default/iris/v2/models/iris/infer", json=ONE)
                if "x-moorage-usage-event" not in answer.headers:
                    return answer.status_code
                received[answer.headers["x-moorage-usage-event"]] = answer.status_code
        return None

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(call) for _ in range(4)]
        eventually(lambda: len(received) > 50, 30, "callers are at it")
        processes = descendants(host.process.pid)
        start = time.monotonic()
        code = host.stop()
        took = time.monotonic() - start
        stop.set()
        ends = {caller.result() for caller in callers}
    assert ends == {404}, "no caller saw a broken connection: the ingress said that the service is gone"
    assert code == 0, host.output()
    assert took < 60
    eventually(lambda: not [pid for pid in processes if alive(pid)], 10, "every process below the host has ended")
    ledger = Ledger(configs["iris"].ledger)
    events = {f"{e.source}/{e.id}": e for e in ledger.events()}
    ledger.close()
    assert set(received) <= set(events)
    assert all(events[name].code == code for name, code in received.items())
    seconds = [e for e in events.values() if "ServingCpuSeconds" in e.quantities and e.subject.name == "iris"]
    assert seconds
    assert {e.tenant for e in seconds} == {"platform"}
    assert not list((home / "iris" / "outbox").glob("*.outbox"))
    assert all(not s["ready"] for s in json.loads(host.status_file.read_text())["services"])
