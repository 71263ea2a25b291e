"""A pool that is unknown, or has no room, shows in a condition that says what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.departures import Departures
from cluster.eventually import eventually
from cluster.kubectl import Body, Kubectl, condition

from moorage_api.clock import timestamp, utc_now


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


def test_a_pool_without_room_is_named_with_the_schedulers_words(kubectl: Kubectl, digits: None, departures: Departures) -> None:
    kubectl.apply(_job("crowded", nodePool="gpu", gpusPerWorker=1))
    eventually(lambda: condition(kubectl.get("trainingjob", "crowded"), "Running").get("reason") == "Unschedulable", 120, "it says so")
    message = condition(kubectl.get("trainingjob", "crowded"), "Running")["message"]
    assert "gpu" in message
    assert "node" in message

    with _gpu_node(kubectl) as node:
        eventually(lambda: _workers_on(kubectl, node), 30, "the scheduler puts the worker onto the GPU node")
        departures.expect("the lost node's pods", "pods", "--namespace=default", "--selector=moorage.dev/name=crowded", seconds=180)
        kubectl.delete("trainingjob", "crowded")


@contextmanager
def _gpu_node(kubectl: Kubectl) -> Iterator[str]:
    """A node without a kubelet: the scheduler takes it for one with GPUs, for the forty seconds in which a node may be silent."""
    labels = {"moorage.dev/test-pool": "gpu", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu-node", "labels": labels}, "spec": {"taints": [taint]}})
    room = {"cpu": "16", "memory": "64Gi", "pods": "20", "nvidia.com/gpu": "4"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": timestamp(utc_now())}
    status = {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}}
    try:
        kubectl("patch", "node", "gpu-node", "--subresource=status", "--type=merge", "-p", json.dumps(status))
        yield "gpu-node"
    finally:
        kubectl("delete", "node", "gpu-node")


def _workers_on(kubectl: Kubectl, node: str) -> bool:
    pods = kubectl.list("pods", "default", "moorage.dev/name=crowded,moorage.dev/role=worker")
    bound = [pod for pod in pods if pod["spec"].get("nodeName") == node]
    gpus = [container["resources"]["limits"].get("nvidia.com/gpu") for pod in bound for container in pod["spec"]["containers"]]
    return bool(bound) and "1" in gpus
