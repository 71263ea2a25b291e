"""A RayJob as the cache holds it: its metadata and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moorage_api.clock import moment
from moorage_operator import names

API_VERSION, KIND = "ray.io/v1", "RayJob"
ENDED = frozenset({"Complete", "Failed"})
UNDER_WAY = frozenset({"Running", *ENDED})
"""Deployment states in which KubeRay has a cluster that is, or was, ready for the job."""
SUSPENDED = frozenset({"Suspending", "Suspended"})


@dataclass(frozen=True)
class RayJob:
    """One RayJob. attempt: 0 if it is not one of Moorage's. deployment, job: KubeRay's and Ray's own words for the state, or empty.

    cluster_failure: why KubeRay cannot make the cluster's pods, or empty.
    """

    name: str
    uid: str
    owner_uid: str
    tenant: str
    run: str
    attempt: int
    policy: str
    deleting: bool
    deployment: str
    job: str
    reason: str
    message: str
    cluster: str
    cluster_failure: str
    started_at: datetime | None
    ended_at: datetime | None


def ray_job_of(body: Mapping[str, Any]) -> RayJob:
    """Total: what is missing or malformed is empty."""
    metadata, status = body["metadata"], body.get("status") or {}
    annotations, attempt = metadata.get("annotations") or {}, (metadata.get("annotations") or {}).get(names.ATTEMPT, "")
    return RayJob(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        owner_uid=(metadata.get("labels") or {}).get(names.UID, ""),
        tenant=(metadata.get("labels") or {}).get(names.TENANT, ""),
        run=annotations.get(names.RUN, ""),
        attempt=int(attempt) if attempt.isdigit() else 0,
        policy=annotations.get(names.POLICY, ""),
        deleting="deletionTimestamp" in metadata,
        deployment=status.get("jobDeploymentStatus", ""),
        job=status.get("jobStatus", ""),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        cluster=status.get("rayClusterName", ""),
        cluster_failure=_cluster_failure(status.get("rayClusterStatus") or {}),
        started_at=_moment(status.get("startTime")),
        ended_at=_moment(status.get("endTime")),
    )


def _cluster_failure(status: Mapping[str, Any]) -> str:
    conditions = status.get("conditions") or ()
    return next((c.get("message", "") for c in conditions if c.get("type") == "ReplicaFailure" and c.get("status") == "True"), "")


def _moment(text: Any) -> datetime | None:
    try:
        return moment(text) if isinstance(text, str) else None
    except ValueError:
        return None
