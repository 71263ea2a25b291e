"""Waits for jobs and services; when they end badly, what the cluster says of it is in the failure."""

from __future__ import annotations

import json

from cluster.eventually import eventually
from cluster.kubectl import Body, Kubectl, condition, is_true

TRAINED_SECONDS = 900.0
READY_SECONDS = 600.0


class EndedBadly(Exception):
    """No AssertionError, so that no wait goes on after it."""


def trained(kubectl: Kubectl, name: str, namespace: str = "default", seconds: float = TRAINED_SECONDS) -> Body:
    """The TrainingJob, once it has succeeded."""

    def look() -> Body | None:
        job = kubectl.get("trainingjob", name, namespace)
        end = condition(job, "Succeeded")
        if end.get("status") == "False" and end.get("observedGeneration") == (job or {})["metadata"]["generation"]:
            raise EndedBadly(f"{end['reason']}: {end['message']}\n{story(kubectl, namespace)}")
        return job if is_true(job, "Succeeded") else None

    return _told(kubectl, namespace, lambda: eventually(look, seconds, f"TrainingJob {name} succeeds"))


def ready(kubectl: Kubectl, name: str, namespace: str = "default", digest: str = "", seconds: float = READY_SECONDS) -> Body:
    """The ModelService, once it answers (with this model)."""

    def look() -> Body | None:
        service = kubectl.get("modelservice", name, namespace)
        serves = not digest or ((service or {}).get("status") or {}).get("modelDigest") == digest
        return service if serves and is_true(service, "Ready") else None

    return _told(kubectl, namespace, lambda: eventually(look, seconds, f"ModelService {name} is ready"))


def ray_clusters(kubectl: Kubectl, namespace: str) -> set[str]:
    """Ray clusters that have pods of ModelServices."""
    pods = kubectl.list("pods", namespace, "moorage.dev/kind=ModelService")
    return {pod["metadata"]["labels"]["ray.io/cluster"] for pod in pods}


def story(kubectl: Kubectl, namespace: str) -> str:
    """What people would look at."""
    parts = [kubectl("get", "pods,rayjobs,rayservices,trainingjobs,modelservices", "-n", namespace, "-o", "wide")]
    for kind in ("trainingjob", "modelservice"):
        for one in kubectl.list(kind, namespace):
            parts.append(f"{kind} {one['metadata']['name']}: {json.dumps(one.get('status'), indent=1)}")
    parts.append(kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp")[-6000:])
    parts.append(kubectl("logs", "-n", "moorage", "-l", "app.kubernetes.io/component=operator", "--tail=60"))
    return "\n".join(parts)


def _told(kubectl: Kubectl, namespace: str, wait: object) -> Body:
    try:
        found: Body = wait()  # type: ignore[operator]
    except AssertionError as error:
        raise AssertionError(f"{error}\n{story(kubectl, namespace)}") from None
    return found
