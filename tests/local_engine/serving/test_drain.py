"""A serving pod goes while callers hold connections to it: the preStop hook's part of it, on a real HAProxy."""

import contextlib
import http.client
import json
import threading
import time
from pathlib import Path

import pytest
from serving_scenario import ONE, Host, Keys, eventually, service_config, write_artifact

from moorage_api.serving_environment import HAPROXY_CONFIG_VARIABLE
from moorage_serving.cluster import drain as hook
from moorage_serving.processes_here import haproxies, processes

PATH = "/default/iris/v2/models/iris/infer"


@pytest.fixture
def pod(tmp_path):
    """A host of its own, its key and the folder of its HAProxy's configuration."""
    keys = Keys(tmp_path / "access.json")
    running = Host(tmp_path, [service_config(tmp_path, "iris", write_artifact(tmp_path / "iris" / "artifact"))])
    try:
        key = keys.create("acme")
        running.wait_ready("default/iris")
        yield running, key, eventually(lambda: folder_of(running.port), 20, "HAProxy runs")
    finally:
        running.stop()


def folder_of(port: int) -> Path | None:
    """What Ray was told of where HAProxy's configuration is to lie; the hook knows no more."""
    for process in processes():
        if process.program == "haproxy":
            path = Path(process.arguments[process.arguments.index(b"-f") + 1].decode())
            with contextlib.suppress(OSError):
                if f":{port}\n" in path.read_text():
                    told = dict(
                        word.split(b"=", 1) for word in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0") if b"=" in word
                    )
                    return Path(told[HAPROXY_CONFIG_VARIABLE.encode()].decode()).parent
    return None


class Caller(threading.Thread):
    """Calls on one connection until it is told that the connection closes; then it would be sent to another pod."""

    def __init__(self, port: int, key: str, pause_seconds: float) -> None:
        super().__init__(daemon=True)
        self.codes: list[int] = []
        self.trouble: Exception | None = None
        self.told = False
        self._port, self._key, self._pause = port, key, pause_seconds
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"X-API-Key": self._key, "Content-Type": "application/json"}
        try:
            while not self.told:
                connection.request("POST", PATH, json.dumps(ONE), headers)
                answer = connection.getresponse()
                answer.read()
                self.codes.append(answer.status)
                self.told = answer.will_close
                time.sleep(self._pause)
        except Exception as error:
            self.trouble = error


def test_callers_on_open_connections_are_answered_and_told_to_go_elsewhere(pod, monkeypatch):
    host, key, folder = pod
    # This machine may run Rays of others; the hook's part with Ray is another test's.
    monkeypatch.setattr(hook, "_leave_ray", lambda _: None)
    monkeypatch.setattr(hook, "replicas", lambda: [])
    callers = [Caller(host.port, key, 0.001) for _ in range(4)] + [Caller(host.port, key, 4.5) for _ in range(2)]
    eventually(lambda: all(c.codes for c in callers), 20, "everybody calls")
    started = time.monotonic()
    draining = threading.Thread(target=hook.drain, args=(20.0, folder))
    draining.start()
    time.sleep(1.0)
    late = Caller(host.port, key, 0.01)
    eventually(lambda: late.codes, 10, "somebody who does not know yet that the pod goes is answered")
    callers.append(late)
    for caller in callers:
        caller.join(30)
    draining.join(30)
    assert [caller.trouble for caller in callers] == [None] * len(callers)
    assert {code for caller in callers for code in caller.codes} == {200}
    assert all(caller.told for caller in callers)
    assert hook.ENDPOINT_SECONDS <= time.monotonic() - started < 19, "nobody is waited for in vain"
    assert haproxies(folder) == []
