"""Pods as the cache holds them: whether they live, and what keeps them from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moorage_api.clock import moment
from moorage_operator import names
from moorage_operator.workload.pod_template import RAY_CONTAINER

RAY_CLUSTER = "ray.io/cluster"
_PULL_PROBLEMS = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"})
_START_PROBLEMS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True)
class Pod:
    """One Ray pod. over: no container of it runs, or ever will. started_at: of the Ray container. obstacle: (reason, message) or None."""

    name: str
    role: str
    cluster: str
    pool: str
    deleting: bool
    over: bool
    started_at: datetime | None
    obstacle: tuple[str, str] | None

    @property
    def alive(self) -> bool:
        """Whether it is there to stay."""
        return not self.deleting and not self.over


def pod_of(body: Mapping[str, Any]) -> Pod:
    """Total: what is missing or malformed is empty."""
    metadata, status = body["metadata"], body.get("status") or {}
    labels = metadata.get("labels") or {}
    containers = list(status.get("containerStatuses") or ())
    ray: Mapping[str, Any] = next((c for c in containers if c.get("name") == RAY_CONTAINER), {})
    pool = labels.get(names.POOL, "")
    return Pod(
        name=metadata["name"],
        role=labels.get(names.ROLE, ""),
        cluster=labels.get(RAY_CLUSTER, ""),
        pool=pool,
        deleting="deletionTimestamp" in metadata,
        over=status.get("phase") in ("Succeeded", "Failed") or "terminated" in (ray.get("state") or {}),
        started_at=_started(ray),
        obstacle=next(_obstacles(status, containers, metadata["name"], pool), None)
        if status.get("phase", "Pending") == "Pending"
        else None,
    )


def _started(container: Mapping[str, Any]) -> datetime | None:
    state = container.get("state") or {}
    text = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    try:
        return moment(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _obstacles(status: Mapping[str, Any], containers: list[Any], pod: str, pool: str) -> Iterator[tuple[str, str]]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield "Unschedulable", f"no node of pool {pool} takes pod {pod}: {condition.get('message', '')}"
    for container in [*(status.get("initContainerStatuses") or ()), *containers]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in _PULL_PROBLEMS:
            yield "ImagePullFailed", f"image {container.get('image', '')} of pod {pod} cannot be pulled: {message or reason}"
        elif reason in _START_PROBLEMS:
            yield "ContainerNotStarted", f"container {container.get('name', '')} of pod {pod} cannot be started: {message or reason}"
