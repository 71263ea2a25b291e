"""kubectl, as a user of the cluster types it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apiserver.eventually import eventually
from apiserver.programs import program

Body = dict[str, Any]


class Kubectl:
    """One user's kubectl on one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._command = [str(program("kubectl")), "--kubeconfig", str(kubeconfig)]

    def __call__(self, *arguments: str, stdin: str | None = None, seconds: float = 120.0) -> str:
        """What the command prints; fails with what it complains of."""
        done = subprocess.run([*self._command, *arguments], input=stdin, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, running."""
        return subprocess.Popen([*self._command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def apply(self, *manifests: Body, namespace: str = "default") -> None:
        """`kubectl apply -f`."""
        self("apply", "--namespace", namespace, "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))

    def get(self, kind: str, name: str, namespace: str = "default") -> Body | None:
        """The object, or None."""
        text = self("get", kind, name, "--namespace", namespace, "--ignore-not-found", "-o", "json")
        found: Body | None = json.loads(text) if text else None
        return found

    def list(self, kind: str, namespace: str = "default", labels: str = "") -> list[Body]:
        """Every object of the kind in the namespace."""
        items: list[Body] = json.loads(self("get", kind, "--namespace", namespace, "-l", labels, "-o", "json"))["items"]
        return items

    def delete(self, kind: str, name: str, namespace: str = "default", *options: str) -> None:
        """`kubectl delete`, without waiting."""
        self("delete", kind, name, "--namespace", namespace, "--wait=false", "--ignore-not-found", *options)

    @contextmanager
    def port_forward(self, target: str, port: int, namespace: str = "default") -> Iterator[str]:
        """`kubectl port-forward` for as long as the context lasts: the URL on this machine."""
        local = _free_port()
        command = [*self._command, "port-forward", "--namespace", namespace, target, f"{local}:{port}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: process.poll() is not None or _listens(local), 30, f"port-forward to {target}")
            assert process.poll() is None, f"port-forward to {target} ended"
            yield f"http://127.0.0.1:{local}"
        finally:
            process.terminate()
            process.wait(10)


def condition(body: Body | None, type_: str) -> Body:
    """The condition of this type; empty if there is none."""
    conditions = ((body or {}).get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == type_), {})


def is_true(body: Body | None, type_: str) -> bool:
    """Whether the condition holds at the object's present generation."""
    found = condition(body, type_)
    return found.get("status") == "True" and found.get("observedGeneration") == (body or {})["metadata"].get("generation")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
