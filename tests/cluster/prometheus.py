"""Debian's Prometheus on the cluster's node, finding its targets as the chart's monitors would: by the pods' labels and port names."""

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
from apiserver.eventually import eventually
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
        settings.write_text(yaml.safe_dump(_settings(self._kubectl.kubeconfig)))
        command = ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={self._folder / 'data'}"]
        self._daemon = Daemon("prometheus", [*command, f"--web.listen-address=127.0.0.1:{self._port}"], self._folder / "prometheus.log")
        eventually(
            lambda: self._daemon.assert_running() and self._up() >= 3, 60, "Prometheus scrapes the operator, the ledger and an agent"
        )
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


def _settings(kubeconfig: Path) -> dict[str, Any]:
    pods = {"role": "pod", "kubeconfig_file": str(kubeconfig)}

    def job(name: str, labels: str, port: str) -> dict[str, Any]:
        keep = [
            {"source_labels": [labels], "regex": ".+", "action": "keep"},
            {"source_labels": ["__meta_kubernetes_pod_container_port_name"], "regex": port, "action": "keep"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
        ]
        return {"job_name": name, "kubernetes_sd_configs": [pods], "relabel_configs": keep}

    return {
        "global": {"scrape_interval": "2s"},
        "scrape_configs": [
            job("moorage", "__meta_kubernetes_pod_label_app_kubernetes_io_component", "http"),
            job("services", "__meta_kubernetes_pod_label_moorage_dev_uid", "metrics"),
        ],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
