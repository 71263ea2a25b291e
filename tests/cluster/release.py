"""The chart installed on the cluster, once a session, as a platform team installs it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apiserver.programs import ROOT, program
from cluster.kubectl import Kubectl

from moorage_billing.remote import RemoteLedger

NAMESPACE = "moorage"
VALUES = Path(__file__).with_name("values.yaml")


def install(kubectl: Kubectl) -> None:
    """`helm upgrade --install`, and wait until its pods are ready."""
    command = [
        str(program("helm")), "--kubeconfig", str(kubectl.kubeconfig), "upgrade", "--install", "moorage", str(ROOT / "charts/moorage"),
        "--namespace", NAMESPACE, "--create-namespace", "--values", str(VALUES), "--wait", "--timeout", "5m",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=330, env={**os.environ, "HELM_DRIVER": "secret"})
    assert done.returncode == 0, f"helm: {done.stderr}\n{kubectl('get', 'pods', '-A', '-o', 'wide')}"


@contextmanager
def ledger_of(kubectl: Kubectl) -> Iterator[RemoteLedger]:
    """The ledger's service as an administrator reaches it: a port-forward, and a token of the chart's ServiceAccount for people."""
    token = kubectl("create", "token", "moorage-admin", "--namespace", NAMESPACE, "--audience", "moorage-ledger", "--duration", "1h")
    with kubectl.port_forward("service/moorage-ledger", 8080, NAMESPACE) as url:
        ledger = RemoteLedger(url, token=token.strip())
        try:
            yield ledger
        finally:
            ledger.close()


def pods_of(kubectl: Kubectl, component: str) -> list[str]:
    """The names of the pods of the chart's `operator` or `ledger`."""
    text = kubectl("get", "pods", "--namespace", NAMESPACE, "-l", f"app.kubernetes.io/component={component}", "-o", "json")
    return [item["metadata"]["name"] for item in json.loads(text)["items"]]
