"""A pod of the test's own in the cluster: what a tenant's application does, it does from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cluster.eventually import eventually
from cluster.kubectl import Kubectl

NAME = "client"


class ClientPod:
    """A sleeping pod of the runtime image, into which scripts are piped."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl, self._namespace = kubectl, namespace
        kubectl.apply(_pod(), namespace=namespace)
        eventually(self._is_ready, 120, "the client pod is ready")

    def run(self, script: Path | str, *arguments: str, seconds: float = 120.0) -> Any:
        """Run a Python script in the pod; the JSON that it prints."""
        text = script.read_text() if isinstance(script, Path) else script
        printed = self._kubectl(
            "exec", "-i", "--namespace", self._namespace, NAME, "--", "python", "-", *arguments, stdin=text, seconds=seconds
        )
        return json.loads(printed)

    def reaches(self, host: str, port: int) -> bool:
        """Whether a TCP connection from the pod succeeds."""
        script = f"""
import json, socket
try:
    socket.create_connection(({host!r}, {port}), 3).close()
    print(json.dumps(True))
except OSError:
    print(json.dumps(False))
"""
        return bool(self.run(script))

    def _is_ready(self) -> bool:
        body = self._kubectl.get("pod", NAME, self._namespace)
        conditions = (body or {}).get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _pod() -> dict[str, Any]:
    container = {
        "name": "client",
        "image": "docker.io/moorage/runtime:dev",
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME}, "spec": spec}
