"""One application as Ray Serve's controller knows it, and what people are told of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReplicaSeen:
    """One replica as Ray Serve's controller knows it. started: Unix seconds."""

    replica: str
    pid: int | None
    started: float
    running: bool


@dataclass(frozen=True)
class ApplicationSeen:
    """One application as Ray Serve's controller knows it."""

    status: str
    """One of SENTENCES."""
    message: str
    """What Ray says of it and of its deployments, in lines; an error comes with its traceback."""
    replicas: list[ReplicaSeen]


SENTENCES = {
    "NOT_STARTED": "no replica is started yet",
    "DEPLOYING": "the replicas are starting",
    "DEPLOY_FAILED": "the replicas cannot start",
    "RUNNING": "no replica is up; a new one is starting",
    "UNHEALTHY": "the replicas failed and are being replaced",
    "DELETING": "the replicas are stopping",
}
"""Ray Serve's statuses of an application that has no replica, in words."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def why_no_replica_runs(seen: ApplicationSeen) -> str:
    """A sentence, with the cause where Ray names one: the last line of its message, which is the error without the traceback."""
    lines = [line.strip() for line in _COLOUR.sub("", seen.message).splitlines() if line.strip()]
    sentence = SENTENCES.get(seen.status, "no replica is up")
    return f"{sentence}: {lines[-1]}" if lines else sentence


def application_of(found: dict[str, Any]) -> ApplicationSeen:
    """From the details of one application that the controller gives."""
    replicas = [
        ReplicaSeen(r["replica_id"], r.get("pid"), float(r["start_time_s"]), r["state"] == "RUNNING")
        for deployment in found["deployments"].values()
        for r in deployment["replicas"]
    ]
    messages = [found.get("message") or "", *(d.get("message") or "" for d in found["deployments"].values())]
    return ApplicationSeen(str(getattr(found["status"], "value", found["status"])), "\n".join(messages), replicas)
