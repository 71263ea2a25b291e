"""RemoteLedger where things go wrong: every failure is told in Moorage's words, and no token is ever shown."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from moorage_api.errors import InvalidInput, Refused, Unavailable
from moorage_billing.ledger import Ledger
from moorage_billing.remote import RemoteLedger, open_ledger


@contextmanager
def answering(code: int, body: bytes, calls: list[str] | None = None) -> Iterator[str]:
    """Some HTTP server that is no ledger."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            (calls if calls is not None else []).append(self.path)
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("code", "body", "error", "told"),
    [
        (200, b"<html>hello</html>", Unavailable, "not a ledger's service of this version"),
        (404, b"<html>not found</html>", Unavailable, r"what answers there \(404\) is not a ledger's service"),
        (401, b'{"error": "the token is unknown"}', Refused, "ledger http://127.0.0.1:[0-9]+: the token is unknown"),
        (502, b"bad gateway", Unavailable, "502"),
        (503, b'{"error": "the disk is full"}', Unavailable, "the disk is full"),
        (429, b'{"error": "slower"}', Unavailable, "slower"),
        (302, b"", Unavailable, "302"),
        (400, b'{"error": "one\\ntwo"}', InvalidInput, "one"),
    ],
)
def test_every_answer_that_is_none_is_told(code: int, body: bytes, error: type[Exception], told: str) -> None:
    with answering(code, body) as url:
        remote = RemoteLedger(url, token="s3cret")
        with pytest.raises(error, match=told) as caught:
            remote.tenant_costs()
        assert "s3cret" not in str(caught.value)
        with pytest.raises(error):
            remote.holding("a/b")
        remote.close()


def test_nobody_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port}: the ledger's service cannot be reached: .*refused; check the URL"):
        RemoteLedger(f"http://127.0.0.1:{port}").active_keys()
    with pytest.raises(Unavailable, match="cannot be reached"):
        RemoteLedger("http://no-such-host.invalid").active_keys()


@pytest.mark.parametrize("url", ["ledger:8080", "ftp://ledger", "http://", "http://[::1", ""])
def test_a_bad_url_is_invalid(url: str) -> None:
    with pytest.raises(InvalidInput, match="not a URL of a ledger's service"):
        RemoteLedger(url)


def test_the_token_file_is_read_at_each_use(service: Any, tmp_path: Path) -> None:
    file = tmp_path / "projected"
    remote = RemoteLedger(service.url, token_file=file)
    with pytest.raises(Unavailable, match="the ledger's token cannot be read"):
        remote.tenant_costs()
    file.write_text("operator-token\n")
    assert remote.tenant_costs() == []
    file.write_text("expired")
    with pytest.raises(Refused, match="get a new one"):
        remote.tenant_costs()
    file.write_text("two words")
    with pytest.raises(InvalidInput, match="not one word"):
        remote.tenant_costs()
    remote.close()


def test_a_connection_that_breaks_is_tried_once_more_but_never_for_a_key() -> None:
    taken: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            taken.append(connection.recv(65536))
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        remote = RemoteLedger(f"http://127.0.0.1:{listening.getsockname()[1]}", token="t")
        with pytest.raises(Unavailable, match="cannot be reached"):
            remote.charge_whole("a/b")
        assert len(taken) == 2
        with pytest.raises(Unavailable):
            remote.create_key("acme")
        assert len(taken) == 3
        remote.close()
        listening.shutdown(socket.SHUT_RDWR)


def test_a_key_given_whole_is_not_sent_whole() -> None:
    calls: list[str] = []
    with answering(404, b'{"error": "no"}', calls) as url, pytest.raises(InvalidInput):
        RemoteLedger(url).revoke_key("mrg_12345678_" + "s" * 40)
    assert calls == ["/v1/keys/mrg_12345678/revoke"]


def test_either_kind_of_ledger_opens_by_its_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORAGE_LEDGER_TOKEN", "t")
    assert isinstance(open_ledger("http://ledger:8080"), RemoteLedger)
    assert isinstance(open_ledger(f"sqlite:///{tmp_path}/ledger.db"), Ledger)


def test_a_pod_that_only_records_loads_neither_client_nor_database() -> None:
    script = (
        "import sys; import moorage_billing.outbox, moorage_billing.shipper, moorage_billing.remote; "
        "print([m for m in ('sqlalchemy', 'httpx', 'starlette', 'psycopg', 'dp_accounting') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
