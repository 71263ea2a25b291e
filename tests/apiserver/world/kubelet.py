"""The kubelet's part: pods run as soon as they are there, and end when they are deleted. Its times are whole seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from apiserver.api import Api, ApiError, ref_of

Body = dict[str, Any]
NODE = "node-1"
AGO_SECONDS = 200
"""Every pod says that it started so long ago: whole buckets of its time are billed while it runs, and the rest at its end."""


@dataclass
class Lifetime:
    """What one pod held, as its status says; ended: None while it runs."""

    uid: str
    namespace: str
    name: str
    owner_uid: str
    cpus: Decimal
    started: datetime
    ended: datetime | None = None

    @property
    def cpu_seconds(self) -> Decimal:
        """What is to be billed."""
        assert self.ended is not None, f"{self.name} still runs"
        return int((self.ended - self.started).total_seconds()) * self.cpus


def timestamp(moment: datetime | None = None) -> str:
    """As the kubelet writes it."""
    return (moment or _now()).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_running(pod: Body) -> bool:
    """Whether it runs and nobody wants it to end."""
    return (pod.get("status") or {}).get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def move_pod(api: Api, pod: Body, lifetimes: dict[str, Lifetime]) -> None:
    """One step of a pod's life. Keeps the books that the ledger is compared with."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    try:
        if status.get("phase", "Pending") == "Pending" and "deletionTimestamp" not in metadata:
            _run(api, pod, lifetimes)
        elif "deletionTimestamp" in metadata and status.get("phase") == "Running":
            end(api, pod, lifetimes, "Failed", 137)
        elif "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds"):
            api.delete(ref_of(pod), gracePeriodSeconds=0, preconditions={"uid": metadata["uid"]})
    except ApiError as error:
        if error.code not in (404, 409):
            raise


def end(api: Api, pod: Body, lifetimes: dict[str, Lifetime], phase: str, exit_code: int) -> None:
    """The containers end."""
    lifetime, ended = lifetimes[pod["metadata"]["uid"]], _now()
    over = {"terminated": {"exitCode": exit_code, "startedAt": timestamp(lifetime.started), "finishedAt": timestamp(ended)}}
    _write(api, pod, phase, over, "False")
    lifetime.ended = ended


def _run(api: Api, pod: Body, lifetimes: dict[str, Lifetime]) -> None:
    metadata, started = pod["metadata"], _now() - timedelta(seconds=AGO_SECONDS)
    _write(api, pod, "Running", {"running": {"startedAt": timestamp(started)}}, "True")
    owner = metadata["labels"].get("moorage.dev/uid", "")
    lifetimes[metadata["uid"]] = Lifetime(metadata["uid"], metadata["namespace"], metadata["name"], owner, _cpus(pod), started)


def _write(api: Api, pod: Body, phase: str, state: Body, ready: str) -> None:
    spec = pod["spec"]
    held = [*spec["containers"], *_sidecars(spec)]
    reports = {
        c["name"]: {"name": c["name"], "image": c["image"], "imageID": "", "restartCount": 0, "ready": ready == "True", "state": state}
        for c in held
    }
    conditions = [{"type": type_, "status": ready, "lastTransitionTime": timestamp()} for type_ in ("Ready", "ContainersReady")]
    status = {
        "phase": phase,
        "podIP": "10.244.0.9",
        "podIPs": [{"ip": "10.244.0.9"}],
        "conditions": conditions,
        "containerStatuses": [reports[c["name"]] for c in spec["containers"]],
        "initContainerStatuses": [reports[c["name"]] for c in _sidecars(spec)],
    }
    api.patch(ref_of(pod), {"metadata": {"resourceVersion": pod["metadata"]["resourceVersion"]}, "status": status}, subresource="status")


def _sidecars(spec: Body) -> list[Body]:
    return [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]


def _cpus(pod: Body) -> Decimal:
    """The limits of its containers and sidecars; where there is none, the request."""
    resources = [c.get("resources") or {} for c in (*pod["spec"]["containers"], *_sidecars(pod["spec"]))]
    amounts = [{**(r.get("requests") or {}), **(r.get("limits") or {})}.get("cpu", "0") for r in resources]
    return sum((Decimal(a[:-1]) / 1000 if a.endswith("m") else Decimal(a) for a in amounts), Decimal(0))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
