"""Bodies of Ray pods as an API server gives them, as far as metering reads them."""

from __future__ import annotations

from typing import Any

from moorage_billing.instant import SECOND_US, micros_of, timestamp_of
from moorage_operator import names
from moorage_operator.settings import OperatorSettings

Body = dict[str, Any]
NOON_US = micros_of("2026-11-22T12:00:00Z")
SETTINGS = OperatorSettings.from_wire(
    {
        "namespace": "moorage",
        "ledger": {"url": "http://ledger"},
        "images": {"runtime": "moorage/runtime:1"},
        "nodePools": {
            "default": {"hourlyPrice": "0.036"},
            "gpu": {"gpuResourceName": "nvidia.com/mig-1g.5gb", "hourlyPrice": "3.6"},
        },
    }
)


def at(seconds: float) -> str:
    """So many seconds after noon."""
    return timestamp_of(NOON_US + round(seconds * SECOND_US))


def us(seconds: float) -> int:
    """The same in microseconds since 1970."""
    return NOON_US + round(seconds * SECOND_US)


def container(name: str, limits: dict[str, str] | None = None, requests: dict[str, str] | None = None, **more: str) -> Body:
    return {"name": name, "resources": {"limits": limits or {}, "requests": requests or {}}, **more}


def running(name: str, start: float, restarts: int = 0, last: tuple[float, float] | None = None) -> Body:
    before = {"terminated": {"startedAt": at(last[0]), "finishedAt": at(last[1])}} if last else {}
    return {"name": name, "restartCount": restarts, "state": {"running": {"startedAt": at(start)}}, "lastState": before}


def ended(name: str, start: float | None, end: float | None) -> Body:
    times = {"startedAt": None if start is None else at(start), "finishedAt": None if end is None else at(end)}
    return {"name": name, "restartCount": 0, "state": {"terminated": {"exitCode": 0, **times}}, "lastState": {}}


def waiting(name: str, restarts: int = 0, last: tuple[float, float] | None = None) -> Body:
    before = {"terminated": {"startedAt": at(last[0]), "finishedAt": at(last[1])}} if last else {}
    return {"name": name, "restartCount": restarts, "state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": before}


def condition(type_: str, status: str, since: float) -> Body:
    return {"type": type_, "status": status, "lastTransitionTime": at(since)}


def pod(
    *statuses: Body,
    uid: str = "p1",
    phase: str = "Running",
    containers: list[Body] | None = None,
    sidecars: list[Body] | None = None,
    sidecar_statuses: list[Body] | None = None,
    deleted: float | None = None,
    grace: int = 30,
    node: str | None = "node-1",
    pool: str = "default",
    conditions: list[Body] | None = None,
    labels: dict[str, str] | None = None,
    finalizers: tuple[str, ...] = (names.METERING_FINALIZER,),
) -> Body:
    """A pod of TrainingJob team-a/digits with one container `ray` of two cores. deleted: when it was asked for."""
    metadata: Body = {
        "name": f"digits-{uid}",
        "namespace": "team-a",
        "uid": uid,
        "resourceVersion": "7",
        "finalizers": list(finalizers),
        "labels": {
            names.KIND: "TrainingJob",
            names.NAME: "digits",
            names.UID: "j1",
            names.TENANT: "acme",
            names.POOL: pool,
            **(labels or {}),
        },
    }
    if deleted is not None:
        metadata |= {"deletionTimestamp": at(deleted + grace), "deletionGracePeriodSeconds": grace}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "containers": containers or [container("ray", {"cpu": "2", "memory": "4Gi"})],
            "initContainers": sidecars or [],
            "nodeName": node,
        },
        "status": {
            "phase": phase,
            "containerStatuses": list(statuses),
            "initContainerStatuses": sidecar_statuses or [],
            "conditions": conditions or [],
        },
    }
