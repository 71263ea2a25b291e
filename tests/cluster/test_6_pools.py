"""A pool that is unknown, or has no room, shows in a condition that says what is missing."""

from __future__ import annotations

from apiserver.eventually import eventually
from cluster.kubectl import Body, Kubectl, condition


def _job(name: str, **resources: object) -> Body:
    spec = {
        "tenant": "lighthouse",
        "dataset": {"uri": "sklearn://iris", "format": "Bundled"},
        "task": {"type": "TabularClassification", "model": "Linear"},
        "optimization": {"steps": 10, "batchSize": 16, "learningRate": 0.1},
        "resources": resources,
    }
    return {"apiVersion": "moorage.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": name}, "spec": spec}


def test_an_unknown_pool_is_named_with_those_that_there_are(kubectl: Kubectl, digits: None) -> None:
    kubectl.apply(_job("nowhere", nodePool="tpu"))
    found = eventually(lambda: condition(kubectl.get("trainingjob", "nowhere"), "Accepted"), 30, "the job is judged")
    assert found["status"] == "False"
    assert "tpu" in found["message"]
    assert "gpu" in found["message"]
    kubectl.delete("trainingjob", "nowhere")


def test_a_pool_without_room_is_named_with_the_schedulers_words(kubectl: Kubectl, digits: None) -> None:
    kubectl.apply(_job("crowded", nodePool="gpu", gpusPerWorker=1))
    eventually(lambda: condition(kubectl.get("trainingjob", "crowded"), "Running").get("reason") == "Unschedulable", 120, "it says so")
    message = condition(kubectl.get("trainingjob", "crowded"), "Running")["message"]
    assert "gpu" in message
    assert "node" in message
    kubectl.delete("trainingjob", "crowded")
    eventually(lambda: not kubectl.list("pods", "default", "moorage.dev/name=crowded"), 120, "nothing is left")
