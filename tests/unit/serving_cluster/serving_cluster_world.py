"""A ledger's service and agents, as processes; outboxes that were filled by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moorage_api.agent_config import AgentConfig
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.ledger import Ledger
from moorage_billing.outbox import Outbox
from moorage_billing.remote import RemoteLedger

SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")
OPERATOR, POD = "an-operators-token", "a-pods-token"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(reached: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def get(port: int, path: str) -> tuple[int, str]:
    """0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def event(source: str, number: int) -> UsageEvent:
    return UsageEvent(
        source=source,
        id=str(number),
        tenant="acme",
        subject=SERVICE,
        time="2026-11-22T08:30:00Z",
        code=200,
        quantities={"Requests": 10**6},
    )


def fill(folder: Path, count: int, replica: str = "replica") -> set[tuple[str, str]]:
    """An outbox whose owner is gone; what is in it."""

    async def record() -> set[tuple[str, str]]:
        outbox = Outbox.open(folder, replica)
        await asyncio.gather(*(outbox.record(event(outbox.source, number)) for number in range(count)))
        outbox.close()
        return {(outbox.source, str(number)) for number in range(count)}

    return asyncio.run(record())


class LedgerService:
    """`python -m moorage_billing.service`, which can be out for a while."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.database = f"sqlite:///{folder / 'ledger.db'}"
        self._settings, self._log = folder / "ledger.yaml", (folder / "ledger.log").open("ab")
        tokens = {OPERATOR: "the-operator", POD: "system:serviceaccount:default:digits-serving"}
        (folder / "tokens.yaml").write_text(json.dumps(tokens))
        settings = {
            "host": "127.0.0.1",
            "port": int(self.url.rpartition(":")[2]),
            "ledger": self.database,
            "operator": "the-operator",
            "authentication": "Static",
            "staticTokens": str(folder / "tokens.yaml"),
        }
        self._settings.write_text(json.dumps(settings))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "moorage_billing.service", "--config", str(self._settings)]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        eventually(lambda: get(int(self.url.rpartition(":")[2]), "/healthz")[0], 60)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def operator(self) -> RemoteLedger:
        return RemoteLedger(self.url, token=OPERATOR)

    def events(self) -> list[tuple[str, str]]:
        """What is billed, from the database itself."""
        ledger = Ledger(self.database)
        try:
            return [(found.source, found.id) for found in ledger.events()]
        finally:
            ledger.close()


class Agent:
    """`python -m moorage_serving.cluster.agent` of one pod."""

    def __init__(self, folder: Path, volume: Path, ledger: str, pod: str, **fields: Any) -> None:
        self.folder, self.outbox, self.pod = folder, folder / "outbox", pod
        self.policy, self.port = folder / "access-policy.json", free_port()
        folder.mkdir(exist_ok=True)
        self.spill = volume / "spill"
        self._token = folder / "token"
        self._token.write_text(POD)
        self.write(
            AgentConfig(
                **{
                    "subject": SERVICE,
                    "tenants": ["acme"],
                    "ledger": ledger,
                    "access_policy": str(self.policy),
                    "outbox": str(self.outbox),
                    "spill": str(self.spill),
                    "metrics": str(folder / "metrics"),
                    "port": self.port,
                    **fields,
                }
            )
        )
        self.log = folder / "agent.log"
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, config: AgentConfig) -> None:
        self.config = config
        (self.folder / "agent.json").write_text(json.dumps(config.to_wire()))

    def start(self) -> None:
        command = [sys.executable, "-m", "moorage_serving.cluster.agent", "--config", str(self.folder / "agent.json")]
        environment = {**os.environ, "MOORAGE_LEDGER_TOKEN_FILE": str(self._token), "MOORAGE_POD": self.pod}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def get(self, path: str) -> tuple[int, str]:
        return get(self.port, path)

    def left(self) -> list[str]:
        """Files of the spill folder."""
        return sorted(path.name for path in self.spill.glob("*/*/*"))
