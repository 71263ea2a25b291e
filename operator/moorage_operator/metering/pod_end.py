"""Whether and when a pod ended, and up to when it surely ran though its end is not known. Pure; times are microseconds since 1970 UTC."""

from __future__ import annotations

from typing import Any

from moorage_billing.instant import SECOND_US, micros_of
from moorage_operator.metering.container_times import all_over, end_of, ends_known, held_containers, transition

Body = dict[str, Any]
SETTLING_SECONDS = 60
"""How late a report may be: of the kubelet, of the watch, of the node controller (after 40 s of silence). Younger time is not certain."""


def is_over(body: Body) -> bool:
    """Whether the pod will hold nothing any more: its phase is final, or it is being deleted and all its containers have ended."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    final = status.get("phase") in ("Succeeded", "Failed")
    return final or (bool(body["metadata"].get("deletionTimestamp")) and bool(held_containers(spec)) and all_over(spec, status))


def never_starts(body: Body, now_us: int) -> bool:
    """Whether a pod that is being deleted will not start any more: it has no node, or its grace period is over."""
    gone_us = deletion_us(body["metadata"])
    return gone_us is not None and (not (body.get("spec") or {}).get("nodeName") or now_us >= gone_us)


def end_us(body: Body) -> int | None:
    """When a pod that is over ended; None while it is not over."""
    if not is_over(body):
        return None
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    end = end_of(spec, status)
    if end is not None:
        return end
    # Some container's end is not known: its node is gone, or the kubelet lost it. What ended the pod is dated by a condition.
    ended = (
        transition(status, "DisruptionTarget", "True"),
        transition(status, "ContainersReady", "False"),
        transition(status, "Ready", "False"),
    )
    dated = [*ends_known(spec, status), *(moment for moment in ended if moment is not None)]
    return max(dated, default=deletion_us(metadata))


def certain_until_us(body: Body) -> int | None:
    """Until when a pod surely ran if it was asked to go, or if its node is silent; None while neither is so."""
    metadata, status = body["metadata"], body.get("status") or {}
    bounds = []
    gone_us = deletion_us(metadata)
    if gone_us is not None:
        bounds.append(gone_us - int(metadata.get("deletionGracePeriodSeconds") or 0) * SECOND_US)
    silent_us = transition(status, "Ready", "False")
    if silent_us is not None and transition(status, "ContainersReady", "True") is not None:
        bounds.append(silent_us - SETTLING_SECONDS * SECOND_US)
    return min(bounds, default=None)


def deletion_us(metadata: Body) -> int | None:
    """When the grace period of a deletion is over; None if nobody asked for one."""
    text = metadata.get("deletionTimestamp")
    return micros_of(text) if text else None
