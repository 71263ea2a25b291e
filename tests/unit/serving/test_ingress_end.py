"""What a host waits for before it ends its ingress, on a stand-in for it: a server, and processes with its configuration as an argument."""

import http.server
import shutil
import subprocess
import threading
import time

import pytest

from moorage_serving.host import ingress
from moorage_serving.host.ingress import wait_until_answered
from moorage_serving.processes_here import haproxies


@pytest.fixture
def url():
    """A server that answers 200 twice, then 404."""
    codes = iter([200, 500])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            self.send_response(next(codes, 404))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/default/iris", server.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def worker(tmp_path):
    """Starts a process that is called haproxy, and has a configuration in `folder` as an argument."""
    program = shutil.copy("/bin/sh", tmp_path / "haproxy")
    started = []

    def start(folder="haproxies"):
        command = [program, "-c", "read line", "-f", str(tmp_path / folder / "node" / "haproxy.cfg")]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_waits_until_the_route_is_gone_and_the_outgoing_one_has_ended(url, worker, tmp_path):
    address, asked = url
    current, outgoing = worker(), worker()
    worker("of-another")
    assert set(haproxies(tmp_path / "haproxies")) == {current.pid, outgoing.pid}
    end = threading.Timer(0.5, outgoing.kill)
    end.start()
    wait_until_answered([address], tmp_path / "haproxies")
    end.join()
    assert asked == ["/default/iris/v2/health/ready"] * 3
    assert outgoing.wait(10) < 0
    assert haproxies(tmp_path / "haproxies") == [current.pid]


def test_gives_up_on_callers_that_keep_the_outgoing_one(url, worker, tmp_path, monkeypatch):
    monkeypatch.setattr(ingress, "LAST_ANSWERS_SECONDS", 0.3)
    worker(), worker()
    start = time.monotonic()
    wait_until_answered([url[0]], tmp_path / "haproxies")
    assert time.monotonic() - start >= 0.3
    assert len(haproxies(tmp_path / "haproxies")) == 2


def test_an_ingress_that_does_not_answer_has_no_route(tmp_path):
    start = time.monotonic()
    wait_until_answered(["http://127.0.0.1:9/default/iris"], tmp_path / "haproxies")
    assert time.monotonic() - start < ingress.LET_GO_SECONDS
