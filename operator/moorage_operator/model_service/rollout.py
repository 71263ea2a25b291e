"""Which revision is to serve, and what to remember of it: rolled out, settled, or given up for the last healthy one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from moorage_operator.model_service.clusters import RayClusterSeen, RayServiceSeen
from moorage_operator.model_service.pod_trouble import trouble_of
from moorage_operator.model_service.revisions import Marks, Revision, Served, revision_of

_NEVER = datetime.min.replace(tzinfo=UTC)
FAILING_SECONDS = 30.0
"""How long Ray Serve's word that it cannot deploy is doubted: it starts a replica three times before it says so."""


@dataclass(frozen=True)
class Rollout:
    """What is decided of the revisions."""

    desired: Revision
    """What the user's wishes come to."""
    target: Revision
    """What is rendered: the desired one, or, once that was given up, the last healthy one."""
    revisions: tuple[Revision, ...]
    """All of them, marked as they are to be, by number."""
    settled: bool
    """The target has the traffic."""
    look_again_seconds: float | None
    """When the passing of time alone may change the decision."""


def roll_out(stored: Sequence[Revision], served: Served, seen: RayServiceSeen, deadline_seconds: float, now: datetime) -> Rollout:
    """Decide from what is stored and seen; the same again gives the same, whenever it is asked.

    deadline_seconds: how long a revision may take to get the traffic before the last healthy one is rendered again.
    """
    desired = _progressed(revision_of(stored, served), seen, now)
    others = [_settled_marks(one, seen, now) for one in stored if one.number != desired.number]
    fallback = _fallback(others, seen)
    if fallback is not None and desired.marks.failed is None and (failure := _failure(desired, seen, deadline_seconds, now)):
        desired = desired.marked(failed=failure, started_at=None, failing_since=None)
    target = fallback if fallback is not None and desired.marks.failed is not None else desired
    return Rollout(
        desired=desired,
        target=target,
        revisions=tuple(sorted((*others, desired), key=lambda revision: revision.number)),
        settled=seen.active_revision == target.number,
        look_again_seconds=_look_again(desired, deadline_seconds, now) if fallback is not None else None,
    )


def _progressed(desired: Revision, seen: RayServiceSeen, now: datetime) -> Revision:
    """The desired revision with the marks of a rollout that is under way, or of one that succeeded."""
    if seen.active_revision == desired.number:
        return _settled_marks(desired, seen, now)
    if desired.marks.failed is not None:
        return desired
    pending = seen.pending
    failing = pending is not None and pending.revision == desired.number and pending.deploy_failed
    marks = desired.marks
    return desired.marked(
        started_at=marks.started_at or now,
        failing_since=(marks.failing_since or now) if failing else None,
    )


def _settled_marks(revision: Revision, seen: RayServiceSeen, now: datetime) -> Revision:
    """Of a revision that is not being rolled out only this is remembered: when and where it last took the traffic."""
    marks = revision.marks
    healthy_at, cluster = marks.healthy_at, marks.cluster
    active = seen.active
    if active is not None and active.revision == revision.number and (healthy_at is None or cluster != active.name):
        healthy_at, cluster = now, active.name
    return revision.marked(**vars(Marks(healthy_at=healthy_at, cluster=cluster)))


def _fallback(others: Sequence[Revision], seen: RayServiceSeen) -> Revision | None:
    """The revision that has the traffic, else the one that had it last."""

    def recency(revision: Revision) -> tuple[bool, datetime, int]:
        return revision.number == seen.active_revision, revision.marks.healthy_at or _NEVER, revision.number

    return max((one for one in others if one.served is not None and one.marks.healthy_at is not None), key=recency, default=None)


def _failure(desired: Revision, seen: RayServiceSeen, deadline_seconds: float, now: datetime) -> str | None:
    """Why the rollout is to be given up; None while it may still succeed."""
    if seen.active_revision == desired.number:
        return None
    said = _said(seen.pending) if seen.pending is not None and seen.pending.revision == desired.number else ""
    marks = desired.marks
    if marks.failing_since is not None and now - marks.failing_since >= timedelta(seconds=FAILING_SECONDS):
        return said or "Ray Serve cannot deploy it"
    if marks.started_at is not None and now - marks.started_at >= timedelta(seconds=deadline_seconds):
        return f"not healthy within {deadline_seconds:g} s" + (f": {said}" if said else "")
    return None


def _said(cluster: RayClusterSeen) -> str:
    """What the scheduler or the kubelet says of its pods, which Ray only guesses at; else what Ray Serve says."""
    trouble = trouble_of(cluster.pods)
    return cluster.trouble if trouble is None else trouble.message


def _look_again(desired: Revision, deadline_seconds: float, now: datetime) -> float | None:
    marks = desired.marks
    if marks.failed is not None:
        return None
    ends = [
        start + timedelta(seconds=seconds)
        for start, seconds in ((marks.started_at, deadline_seconds), (marks.failing_since, FAILING_SECONDS))
        if start is not None
    ]
    return max(0.0, min((end - now).total_seconds() for end in ends)) if ends else None
