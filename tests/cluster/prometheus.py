"""Debian's Prometheus on the cluster's node, told its targets as the chart's monitors select them: by the pods' labels and port names.

Debian builds it without the discovery of Kubernetes, so the tests look up the pods.
"""

from __future__ import annotations

import json
import shutil
import socket
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import yaml
from apiserver.daemon import Daemon
from cluster.eventually import eventually
from cluster.kubectl import Kubectl


class Prometheus:
    """Use as a context."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        self._kubectl, self._folder = kubectl, folder

    def __enter__(self) -> Self:
        if shutil.which("prometheus") is None:
            pytest.skip("Prometheus is not installed: apt-get install prometheus")
        self._port = _free_port()
        settings = self._folder / "prometheus.yml"
        targets = _targets(self._kubectl)
        settings.write_text(yaml.safe_dump(_settings(targets)))
        count = sum(map(len, targets.values()))
        command = ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={self._folder / 'data'}"]
        self._daemon = Daemon("prometheus", [*command, f"--web.listen-address=127.0.0.1:{self._port}"], self._folder / "prometheus.log")
        eventually(lambda: self._daemon.assert_running() and self._up() == count, 60, f"Prometheus scrapes all of {targets}")
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._daemon.kill()

    def value(self, expression: str) -> float | None:
        """The value of an instant query with one result; None where it has none."""
        results = self._query(expression)
        return float(results[0]["value"][1]) if results else None

    def _up(self) -> float:
        return sum(float(one["value"][1]) for one in self._query("up"))

    def _query(self, expression: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{self._port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except OSError:
            return []


def _targets(kubectl: Kubectl) -> dict[str, list[str]]:
    """Addresses by job: of the chart's own pods, and of the agents beside replicas."""
    pods = kubectl.list("pods", "moorage", "app.kubernetes.io/component in (operator,ledger)")
    serving = json.loads(kubectl("get", "pods", "-A", "-l", "moorage.dev/kind=ModelService,moorage.dev/role=worker", "-o", "json"))["items"]
    return {"moorage": _addresses(pods, "http"), "services": _addresses(serving, "metrics")}


def _addresses(pods: list[dict[str, Any]], port: str) -> list[str]:
    found = []
    for pod in pods:
        if "podIP" not in pod["status"]:  # of a revision that waits for room
            continue
        containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
        ports = [one for container in containers for one in container.get("ports", []) if one.get("name") == port]
        found += [f"{pod['status']['podIP']}:{one['containerPort']}" for one in ports]
    return found


def _settings(targets: dict[str, list[str]]) -> dict[str, Any]:
    jobs = [{"job_name": job, "static_configs": [{"targets": addresses}]} for job, addresses in targets.items()]
    return {"global": {"scrape_interval": "2s"}, "scrape_configs": jobs}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
