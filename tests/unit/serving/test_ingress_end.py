"""What a host waits for before it ends its ingress, on a stand-in for it: a server, and processes with its configuration as an argument."""

import http.server
import subprocess
import sys
import threading
import time

import pytest

from moorage_serving.host import ingress
from moorage_serving.host.ingress import processes_of, wait_until_answered


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
    """Starts a process that ends after some seconds and has a configuration in `folder` as an argument."""
    started = []

    def start(seconds, folder="haproxy"):
        program = f"import time; time.sleep({seconds})"
        started.append(subprocess.Popen([sys.executable, "-c", program, "-f", str(tmp_path / folder / "node" / "haproxy.cfg")]))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_waits_until_the_route_is_gone_and_the_outgoing_one_has_ended(url, worker, tmp_path):
    address, asked = url
    current, outgoing = worker(60), worker(0.6)
    worker(60, "haproxy-of-another")
    deadline = time.monotonic() + 10
    while processes_of(tmp_path / "haproxy") != {current, outgoing}:
        assert time.monotonic() < deadline
    wait_until_answered([address], tmp_path / "haproxy")
    assert asked == ["/default/iris/v2/health/ready"] * 3
    assert processes_of(tmp_path / "haproxy") == {current}


def test_gives_up_on_callers_that_keep_the_outgoing_one(url, worker, tmp_path, monkeypatch):
    monkeypatch.setattr(ingress, "LAST_ANSWERS_SECONDS", 0.3)
    worker(60), worker(60)
    start = time.monotonic()
    wait_until_answered([url[0]], tmp_path / "haproxy")
    assert time.monotonic() - start < 5


def test_an_ingress_that_does_not_answer_has_no_route(worker, tmp_path):
    start = time.monotonic()
    wait_until_answered(["http://127.0.0.1:9/default/iris"], tmp_path / "haproxy")
    assert time.monotonic() - start < 1
