"""The ledger's service on a loopback port: in a thread for most tests, as a process of its own where one has to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from moorage_billing.remote import RemoteLedger
from moorage_billing.service.application import build
from moorage_billing.service.authentication import StaticTokens
from moorage_billing.service.ledger_room import LedgerRoom
from moorage_billing.service.settings import ServiceSettings

OPERATOR = "system:serviceaccount:moorage:moorage-operator"
TOKENS = {
    "operator-token": OPERATOR,
    "admin-token": "alice",
    "pod-token": "system:serviceaccount:team:digits-serving",
    "stranger-token": "mallory",
}
DEADLINE_SECONDS = 120
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Service:
    """Where it is, and clients of it by the role of their token; `now` is its clock."""

    url: str
    room: LedgerRoom
    now: list[datetime]
    clients: list[RemoteLedger] = field(default_factory=list)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=DEADLINE_SECONDS, trust_env=False))

    def client(self, role: str = "operator") -> RemoteLedger:
        self.clients.append(RemoteLedger(self.url, token=f"{role}-token"))
        return self.clients[-1]

    def ask(self, method: str, path: str, role: str | None = "operator", **more: Any) -> httpx.Response:
        headers = {**({"Authorization": f"Bearer {role}-token"} if role else {}), **more.pop("headers", {})}
        return self.http.request(method, self.url + path, headers=headers, **more)


def tokens_file(folder: Path) -> Path:
    path = folder / "tokens.yaml"
    path.write_text("".join(f"{token}: {username}\n" for token, username in TOKENS.items()))
    return path


def start_service(url: str, folder: Path) -> Iterator[Service]:
    settings = ServiceSettings(
        host="127.0.0.1",
        ledger=url,
        operator=OPERATOR,
        administrators=["alice"],
        authentication="Static",
        static_tokens=str(tokens_file(folder)),
    )
    now = [NOW]
    room = LedgerRoom(url, now=lambda: now[0])
    app = build(settings, room, StaticTokens(Path(settings.static_tokens or "")))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    service = Service(f"http://127.0.0.1:{port}", room, now)
    yield service
    for client in (*service.clients, service.http):
        client.close()
    server.should_exit = True
    thread.join(DEADLINE_SECONDS)


@dataclass
class Program:
    """`python -m moorage_billing.service` on one port, started and killed as often as a test likes."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.folder / "ledger.yaml"
        config.write_text(
            f"host: 127.0.0.1\nport: {self.port}\nledgerFile: {self.folder}/dsn\noperator: {OPERATOR}\n"
            f"authentication: Static\nstaticTokens: {tokens_file(self.folder)}\n"
        )
        (self.folder / "dsn").write_text(f"sqlite:///{self.folder}/ledger.db\n")
        log = (self.folder / "service.log").open("ab")
        command = [sys.executable, "-m", "moorage_billing.service", "--config", str(config)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_SECONDS)
        self.process = None
        return code

    @property
    def log(self) -> str:
        return (self.folder / "service.log").read_text()
