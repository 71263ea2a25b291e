"""What KubeRay says of a RayService's two Ray clusters: the active one, which has the traffic, and the pending one, which is to get it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moorage_operator import names
from moorage_operator.cache import Body
from moorage_operator.model_service.observe import ObservedModelService
from moorage_operator.model_service.revisions import Revision

CLUSTER_LABEL = "ray.io/cluster"
DEPLOY_FAILED = "DEPLOY_FAILED"
MAX_TROUBLE = 1000
_ERROR_LINE = re.compile(r"^[A-Za-z_][\w.]*(?:\.[A-Z]\w*|Error|Exception): ", re.MULTILINE)


@dataclass(frozen=True)
class RayClusterSeen:
    """One Ray cluster."""

    name: str
    revision: int | None
    """Which revision it serves; None if nothing says so yet."""
    pods: tuple[Body, ...] = ()
    deploy_failed: bool = False
    """Ray Serve says that it cannot deploy the application."""
    trouble: str = ""
    """What Ray Serve says is wrong."""

    @property
    def ready_workers(self) -> int:
        """Worker pods that answer."""
        return sum(1 for pod in self.pods if is_worker(pod) and is_ready(pod))


@dataclass(frozen=True)
class RayServiceSeen:
    """A RayService as KubeRay reports it."""

    taken_up: bool = False
    """KubeRay has looked at it."""
    answers: bool = False
    """Its service has endpoints."""
    refusal: str = ""
    """Why KubeRay does not take it."""
    active: RayClusterSeen | None = None
    pending: RayClusterSeen | None = None

    @property
    def active_revision(self) -> int | None:
        """The revision that has the traffic."""
        return self.active.revision if self.active is not None else None


def ray_service_seen(seen: ObservedModelService, revisions: Sequence[Revision]) -> RayServiceSeen:
    """From the RayService's status, the pods' annotations and what is remembered of revisions."""
    if seen.ray_service is None:
        return RayServiceSeen()
    status = seen.ray_service.get("status") or {}
    ready: dict[str, Any] = next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})
    return RayServiceSeen(
        taken_up=bool(status),
        answers=ready.get("status") == "True",
        refusal=ready.get("message", "") if ready.get("reason") == "ValidationFailed" else "",
        active=_cluster(seen, revisions, status.get("activeServiceStatus") or {}),
        pending=_cluster(seen, revisions, status.get("pendingServiceStatus") or {}),
    )


def _cluster(seen: ObservedModelService, revisions: Sequence[Revision], status: Body) -> RayClusterSeen | None:
    name = status.get("rayClusterName")
    if not name:
        return None
    pods = tuple(pod for pod in seen.pods if (pod["metadata"].get("labels") or {}).get(CLUSTER_LABEL) == name)
    applications = list((status.get("applicationStatuses") or {}).values())
    return RayClusterSeen(
        name=name,
        revision=_revision(revisions, name, pods),
        pods=pods,
        deploy_failed=any(one.get("status") == DEPLOY_FAILED for one in applications),
        trouble=_trouble(applications),
    )


def _revision(revisions: Sequence[Revision], name: str, pods: Sequence[Body]) -> int | None:
    """What the pods carry; without a pod, what the Ray cluster was seen with before, so that a lost pod is no lost revision."""
    for pod in pods:
        number = (pod["metadata"].get("annotations") or {}).get(names.REVISION, "")
        if number.isdigit():
            return int(number)
    return next((revision.number for revision in reversed(revisions) if revision.marks.cluster == name), None)


def _trouble(applications: Sequence[Body]) -> str:
    """Ray Serve's own words: of a traceback the error alone."""
    said: list[str] = []
    for application in applications:
        deployments = (application.get("serveDeploymentStatuses") or {}).values()
        messages = [one.get("message") or "" for one in (*deployments, application) if one.get("status") not in ("RUNNING", "HEALTHY")]
        said += [error_of(message) for message in messages if message.strip()]
    return "; ".join(dict.fromkeys(said))[:MAX_TROUBLE]


def error_of(message: str) -> str:
    """From the last line that names an exception to the end; without one, the message's end."""
    found = list(_ERROR_LINE.finditer(message)) if "Traceback" in message else []
    text = message[found[-1].start() :] if found else message
    return " ".join(text.split())[-MAX_TROUBLE:]


def is_worker(pod: Body) -> bool:
    """Whether a pod hosts a replica."""
    return (pod["metadata"].get("labels") or {}).get(names.ROLE) == "worker"


def is_ready(pod: Body) -> bool:
    """Whether the service sends requests to the pod."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return "deletionTimestamp" not in pod["metadata"] and any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
