"""Pods, the operator and a namespace are lost while jobs run: the job goes on, what ran is charged and billed, nothing stays behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cluster.bills import invoice, quantity
from cluster.departures import Departures
from cluster.eventually import eventually
from cluster.kubectl import Body, Kubectl, condition
from cluster.pod_log import PodLog
from cluster.release import pods_of
from cluster.waiting import trained

from moorage_billing.remote import RemoteLedger

VERSION = "moorage.dev/v1alpha1"
STEPS = 2000
"""Long enough to lose pods in."""


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """Where a job loses what it runs on."""
    kubectl("create", "namespace", "losses")
    yield "losses"
    kubectl.delete("namespace", "losses")


def _objects(workers: int, **policy: object) -> list[Body]:
    data = {"uri": "sklearn://digits", "format": "Bundled", "privacyBudget": {"epsilon": 50, "delta": 1e-5}}
    spec = {
        "tenant": "lighthouse",
        "dataset": {"name": "records"},
        "task": {"type": "TabularClassification", "model": "Linear"},
        "optimization": {"steps": STEPS, "batchSize": 128, "learningRate": 0.5, "optimizer": "SGD"},
        "privacy": {"epsilon": 3, "delta": 1e-5},
        "resources": {"workers": workers},
        "runPolicy": policy,
    }
    return [
        {"apiVersion": VERSION, "kind": "Dataset", "metadata": {"name": "records"}, "spec": data},
        {"apiVersion": VERSION, "kind": "TrainingJob", "metadata": {"name": "long"}, "spec": spec},
    ]


def _goes_on(kubectl: Kubectl, namespace: str) -> int:
    """Wait until the job has come some steps further than it is now; the step that it is at then."""

    def step() -> int:
        return int((((kubectl.get("trainingjob", "long", namespace) or {}).get("status") or {}).get("progress") or {}).get("step", 0))

    further = step() + 50
    return eventually(lambda: (now := step()) > further and now, 420, f"the training is beyond step {further}")


def _pods(kubectl: Kubectl, namespace: str, role: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in kubectl.list("pods", namespace, f"moorage.dev/name=long,moorage.dev/role={role}")]


def _suspend(kubectl: Kubectl, namespace: str, suspend: bool) -> None:
    patch = json.dumps({"spec": {"runPolicy": {"suspend": suspend}}})
    kubectl("patch", "trainingjob", "long", "-n", namespace, "--type=merge", "-p", patch)


@pytest.mark.timeout(900)
def test_a_namespace_with_a_running_job_is_deleted(kubectl: Kubectl, digits: None, departures: Departures) -> None:
    """test_9_departures sees it gone."""
    namespace = "a-namespace-with-a-running-job"
    kubectl("create", "namespace", namespace)
    kubectl.apply(*_objects(1), namespace=namespace)
    _goes_on(kubectl, namespace)
    departures.expect("the namespace", f"namespace/{namespace}", seconds=300)
    kubectl.delete("namespace", namespace)


@pytest.mark.timeout(1500)
def test_a_job_goes_on_without_its_worker_the_operator_its_head_and_after_a_suspension(
    kubectl: Kubectl, ledger: RemoteLedger, digits: None, namespace: str, pod_log: PodLog
) -> None:
    kubectl.apply(*_objects(2, backoffLimit=2, activeDeadlineSeconds=1200), namespace=namespace)
    _goes_on(kubectl, namespace)
    for operator in pods_of(kubectl, "operator"):
        kubectl("delete", "pod", operator, "-n", "moorage", "--grace-period=0", "--force")
    kubectl.delete("pod", _pods(kubectl, namespace, "worker")[0], namespace, "--grace-period=2")
    eventually(lambda: len(_pods(kubectl, namespace, "worker")) == 2, 180, "there is another worker")

    _goes_on(kubectl, namespace)
    kubectl.delete("pod", _pods(kubectl, namespace, "head")[0], namespace, "--grace-period=2")
    eventually(
        lambda: ((kubectl.get("trainingjob", "long", namespace) or {})["status"]).get("attempts") == 1, 180, "the attempt is counted"
    )

    reached = _goes_on(kubectl, namespace)
    _suspend(kubectl, namespace, True)
    eventually(lambda: not kubectl.list("pods", namespace, "moorage.dev/name=long"), 240, "the pods are gone")
    assert condition(kubectl.get("trainingjob", "long", namespace), "Running")["reason"] == "Suspended"

    _suspend(kubectl, namespace, False)
    after = trained(kubectl, "long", namespace)["status"]
    assert after["attempts"] == 1
    assert after["privacy"]["epsilonSpent"] <= 3
    assert after["privacy"]["mechanism"]["steps"] >= reached
    ran = eventually(lambda: pod_log.core_seconds("TrainingJob", "long", namespace), 120, "the pods' ends are known")
    uid = (kubectl.get("trainingjob", "long", namespace) or {})["metadata"]["uid"]
    eventually(lambda: quantity(invoice(ledger, "lighthouse"), "TrainingCpuSeconds", uid) == ran, 120, f"{ran} core-seconds are billed")
