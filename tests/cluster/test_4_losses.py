"""Pods, the operator and a namespace are lost while jobs run: the job goes on, what ran is charged and billed, nothing stays behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cluster.bills import invoice, quantity
from cluster.eventually import eventually
from cluster.kubectl import Body, Kubectl, condition
from cluster.pod_log import PodLog
from cluster.release import pods_of
from cluster.waiting import trained

from moorage_billing.remote import RemoteLedger

VERSION = "moorage.dev/v1alpha1"
LONG_STEPS = 2000
"""Long enough to lose a pod in."""


@pytest.fixture
def namespace(kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")[:30].rstrip("-")
    kubectl("create", "namespace", name)
    yield name
    kubectl.delete("namespace", name)


def _objects(steps: int, **policy: object) -> list[Body]:
    data = {"uri": "sklearn://digits", "format": "Bundled", "privacyBudget": {"epsilon": 50, "delta": 1e-5}}
    spec = {
        "tenant": "lighthouse",
        "dataset": {"name": "records"},
        "task": {"type": "TabularClassification", "model": "Linear"},
        "optimization": {"steps": steps, "batchSize": 128, "learningRate": 0.5, "optimizer": "SGD"},
        "privacy": {"epsilon": 3, "delta": 1e-5},
        "resources": {"workers": 2},
        "runPolicy": policy,
    }
    return [
        {"apiVersion": VERSION, "kind": "Dataset", "metadata": {"name": "records"}, "spec": data},
        {"apiVersion": VERSION, "kind": "TrainingJob", "metadata": {"name": "long"}, "spec": spec},
    ]


def _under_way(kubectl: Kubectl, namespace: str) -> Body:
    def look() -> Body | None:
        job = kubectl.get("trainingjob", "long", namespace)
        progress = ((job or {}).get("status") or {}).get("progress") or {}
        return job if progress.get("step", 0) > 50 else None

    return eventually(look, 420, "the training is under way")


def _pods(kubectl: Kubectl, namespace: str, role: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in kubectl.list("pods", namespace, f"moorage.dev/name=long,moorage.dev/role={role}")]


def _suspend(kubectl: Kubectl, namespace: str, suspend: bool) -> None:
    patch = json.dumps({"spec": {"runPolicy": {"suspend": suspend}}})
    kubectl("patch", "trainingjob", "long", "-n", namespace, "--type=merge", "-p", patch)


@pytest.mark.timeout(1200)
def test_a_worker_pod_and_the_operator_are_lost_and_the_job_is_suspended(
    kubectl: Kubectl, ledger: RemoteLedger, digits: None, namespace: str, pod_log: PodLog
) -> None:
    kubectl.apply(*_objects(LONG_STEPS), namespace=namespace)
    before = _under_way(kubectl, namespace)
    for operator in pods_of(kubectl, "operator"):
        kubectl("delete", "pod", operator, "-n", "moorage", "--grace-period=0", "--force")
    kubectl.delete("pod", _pods(kubectl, namespace, "worker")[0], namespace, "--grace-period=2")
    eventually(lambda: len(_pods(kubectl, namespace, "worker")) == 2, 180, "there is another worker")

    _suspend(kubectl, namespace, True)
    eventually(lambda: not kubectl.list("pods", namespace, "moorage.dev/name=long"), 240, "the pods are gone")
    assert condition(kubectl.get("trainingjob", "long", namespace), "Running")["reason"] == "Suspended"
    _suspend(kubectl, namespace, False)
    after = trained(kubectl, "long", namespace)["status"]
    assert after["attempts"] == 0
    assert after["privacy"]["epsilonSpent"] <= 3
    assert after["privacy"]["mechanism"]["steps"] >= before["status"]["progress"]["step"]
    ran = eventually(lambda: pod_log.core_seconds("TrainingJob", "long", namespace), 120, "the pods' ends are known")
    uid = (kubectl.get("trainingjob", "long", namespace) or {})["metadata"]["uid"]
    eventually(lambda: quantity(invoice(ledger, "lighthouse"), "TrainingCpuSeconds", uid) == ran, 120, f"{ran} core-seconds are billed")


@pytest.mark.timeout(1200)
def test_the_head_pod_is_lost(kubectl: Kubectl, digits: None, namespace: str) -> None:
    kubectl.apply(*_objects(LONG_STEPS, backoffLimit=2, activeDeadlineSeconds=900), namespace=namespace)
    before = _under_way(kubectl, namespace)
    kubectl.delete("pod", _pods(kubectl, namespace, "head")[0], namespace, "--grace-period=2")
    eventually(
        lambda: ((kubectl.get("trainingjob", "long", namespace) or {})["status"]).get("attempts") == 1, 180, "the attempt is counted"
    )
    after = trained(kubectl, "long", namespace)["status"]
    assert after["attempts"] == 1
    assert after["privacy"]["epsilonSpent"] <= 3
    assert after["privacy"]["mechanism"]["steps"] >= before["status"]["progress"]["step"]


@pytest.mark.timeout(900)
def test_a_namespace_with_a_running_job_goes_away(kubectl: Kubectl, ledger: RemoteLedger, digits: None, namespace: str) -> None:
    kubectl.apply(*_objects(LONG_STEPS), namespace=namespace)
    _under_way(kubectl, namespace)
    kubectl.delete("namespace", namespace)
    eventually(lambda: kubectl.get("namespace", namespace, "default") is None, 300, "the namespace is gone")
