"""The chart installed on the cluster, once a session, as a platform team installs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apiserver.programs import ROOT, program
from cluster.eventually import eventually
from cluster.kubectl import Kubectl

from moorage_billing.remote import RemoteLedger

NAMESPACE = "moorage"
OURS = "moorage.dev/made-by=tests"
VALUES = Path(__file__).with_name("values.yaml")


def install(kubectl: Kubectl) -> None:
    """`helm install` with an empty ledger, and wait until its pods are ready. What an earlier session left is removed."""
    _remove(kubectl)
    kubectl("create", "namespace", NAMESPACE)
    kubectl("label", "namespace", NAMESPACE, OURS)
    helm(kubectl, "install", "moorage", str(ROOT / "charts/moorage"), "--values", str(VALUES), "--wait", "--timeout", "5m")


def helm(kubectl: Kubectl, *arguments: str, code: int = 0) -> str:
    """Helm in the release's namespace; what it prints."""
    command = [str(program("helm")), "--kubeconfig", str(kubectl.kubeconfig), "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == code, f"helm {arguments[0]}: {done.stdout}{done.stderr}\n{kubectl('get', 'pods', '-A', '-o', 'wide')}"
    return done.stdout + done.stderr


def _remove(kubectl: Kubectl) -> None:
    """Only what these tests made: on a cluster of somebody's own, a release of theirs is left alone."""
    found = kubectl.get("namespace", NAMESPACE)
    if found is None:
        return
    key, _, value = OURS.partition("=")
    if found["metadata"].get("labels", {}).get(key) != value:
        raise RuntimeError(
            f"namespace {NAMESPACE} is not of these tests; they would remove its release and its ledger: use another cluster"
        )
    for kind in ("trainingjobs", "modelservices", "datasets", "tenants", "priceplans"):
        kubectl("delete", kind, "--all", "--all-namespaces", "--timeout=180s", seconds=200)
    eventually(lambda: not kubectl("get", "pods", "-A", "-l", "moorage.dev/uid", "-o", "name"), 180, "every pod is billed and gone")
    helm(kubectl, "uninstall", "moorage", "--wait")
    kubectl("delete", "namespace", NAMESPACE, "--timeout=180s", seconds=200)


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
