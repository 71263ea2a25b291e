"""What pods held, worked out by the tests from what the kubelet said while they ran: an oracle beside the operator's metering."""

from __future__ import annotations

import json
import subprocess
import threading
from datetime import datetime
from decimal import Decimal
from typing import Any

from cluster.kubectl import Kubectl


class PodLog:
    """Watches every pod of Moorage's from its start on, and keeps each one's last words: they are gone once the operator let go."""

    def __init__(self, kubectl: Kubectl) -> None:
        command = [*kubectl._command, "get", "pods", "-A", "-l", "app.kubernetes.io/managed-by=moorage", "--watch", "-o", "json"]
        self.last: dict[str, dict[str, Any]] = {}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._process.terminate()
        self._thread.join(5)

    def _read(self) -> None:
        decoder, text = json.JSONDecoder(), ""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text += line
            if line.rstrip() != "}":
                continue
            try:
                body, end = decoder.raw_decode(text.lstrip())
            except ValueError:
                continue
            text = text.lstrip()[end:]
            self.last[body["metadata"]["uid"]] = body

    def core_seconds(self, kind: str, name: str, namespace: str = "default") -> Decimal | None:
        """Cores asked for times seconds held, over all pods of the object; None while one of them has not ended."""
        total = Decimal(0)
        labels = {"moorage.dev/kind": kind, "moorage.dev/name": name}
        there = [p for p in self.last.values() if p["metadata"]["namespace"] == namespace]
        pods = [p for p in there if labels.items() <= p["metadata"]["labels"].items()]
        for pod in pods:
            held = _held_seconds(pod)
            if held is None:
                return None
            total += held * _cores(pod)
        return total if pods else None


def _held_seconds(pod: dict[str, Any]) -> Decimal | None:
    status = pod["status"]
    containers = [*status.get("containerStatuses", []), *_sidecars(pod)]
    starts, ends = [], []
    for container in containers:
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended = state.get("terminated") or {}
            if ended.get("finishedAt"):
                ends.append(_instant(ended["finishedAt"]))
    for container in status.get("containerStatuses", []):
        state = container.get("state", {})
        began = (state.get("terminated") or state.get("running") or {}).get("startedAt")
        if began:
            starts.append(_instant(began))
    if not starts:
        return Decimal(0) if "deletionTimestamp" in pod["metadata"] else None
    if any("terminated" not in container.get("state", {}) for container in containers):
        return None
    return Decimal(str((max(ends) - min(starts)).total_seconds()))


def _sidecars(pod: dict[str, Any]) -> list[dict[str, Any]]:
    names = {c["name"] for c in pod["spec"].get("initContainers", []) if c.get("restartPolicy") == "Always"}
    return [c for c in pod["status"].get("initContainerStatuses", []) if c["name"] in names]


def _cores(pod: dict[str, Any]) -> Decimal:
    sidecars = [c for c in pod["spec"].get("initContainers", []) if c.get("restartPolicy") == "Always"]
    return sum(
        (_quantity((c.get("resources", {}).get("limits") or {}).get("cpu", "0")) for c in [*pod["spec"]["containers"], *sidecars]),
        Decimal(0),
    )


def _quantity(text: str) -> Decimal:
    return Decimal(text[:-1]) / 1000 if text.endswith("m") else Decimal(text)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
