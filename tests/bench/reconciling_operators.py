"""The operators that are compared, each as processes of their own: Moorage with its ledger, and a bare Kopf handler."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from apiserver.control_plane import ControlPlane
from apiserver.daemon import Daemon, free_port

READY_SECONDS = 60.0


class Running:
    """An operator's processes; memory and CPU are those of the operator's process alone."""

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path) -> None:
        self.plane, self.namespace, self.folder = plane, namespace, folder
        self.environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
        self.daemons: list[Daemon] = []

    def start(self) -> Daemon:
        """Start it, and return once it works; the operator's process."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.operator = self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        for daemon in reversed(self.daemons):
            daemon.kill()

    def run(self, name: str, *command: str, **variables: str) -> Daemon:
        """Start a process of this operator."""
        daemon = Daemon(name, [sys.executable, *command], self.folder / f"{name}.log", {**self.environment, **variables})
        self.daemons.append(daemon)
        return daemon

    def memory_mb(self) -> float:
        """Resident, in MiB."""
        status = Path(f"/proc/{self.operator.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu_seconds(self) -> float:
        """User and system, since its start."""
        return cpu_seconds(self.operator.process.pid)


class BareKopf(Running):
    """What Kopf does with nothing but a handler that creates one RayJob."""

    def start(self) -> Daemon:
        ready = self.folder / "bare.ready"
        operator = self.run("bare-kopf", str(Path(__file__).with_name("reconciling_bare.py")), self.namespace, str(ready))
        _wait(ready.exists)
        return operator


class Moorage(Running):
    """The operator and the ledger's service."""

    def start(self) -> Daemon:
        ledger_port, operator_port = free_port(), free_port()
        tokens, settings, ledger = (self.folder / name for name in ("tokens.yaml", "operator.yaml", "ledger.yaml"))
        tokens.write_text(yaml.safe_dump({"operator-token": "operator"}))
        ledger.write_text(yaml.safe_dump(_ledger(self.folder / "ledger.db", ledger_port, tokens)))
        settings.write_text(yaml.safe_dump(_settings(ledger_port, operator_port, self.namespace)))
        for manifest in _tenancy(self.namespace):
            self.plane.admin.apply(manifest)
        self.run("ledger", "-m", "moorage_billing.service", "--config", str(ledger))
        _wait(lambda: _answers(f"http://127.0.0.1:{ledger_port}/readyz"))
        operator = self.run("operator", "-m", "moorage_operator", "--settings", str(settings), MOORAGE_LEDGER_TOKEN="operator-token")
        _wait(lambda: _answers(f"http://127.0.0.1:{operator_port}/readyz"))
        return operator


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ledger(database: Path, port: int, tokens: Path) -> dict[str, Any]:
    where = {"host": "127.0.0.1", "port": port, "ledger": f"sqlite:///{database}"}
    return {**where, "operator": "operator", "authentication": "Static", "staticTokens": str(tokens)}


def _settings(ledger_port: int, operator_port: int, namespace: str) -> dict[str, Any]:
    return {
        "namespace": "moorage",
        "watchNamespaces": [namespace],
        "ledger": {"url": f"http://127.0.0.1:{ledger_port}"},
        "images": {"runtime": "moorage/runtime:bench"},
        "httpPort": operator_port,
    }


def _tenancy(namespace: str) -> list[dict[str, Any]]:
    version = "moorage.dev/v1alpha1"
    return [
        {"apiVersion": version, "kind": "PricePlan", "metadata": {"name": "free"}, "spec": {"currency": "USD", "free": True}},
        {"apiVersion": version, "kind": "Tenant", "metadata": {"name": "harbour"}, "spec": {"plan": "free", "namespaces": [namespace]}},
    ]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(done: Any) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the operator did not get ready; see its log")
        time.sleep(0.1)
