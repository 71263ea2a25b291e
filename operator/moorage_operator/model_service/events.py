"""What people are told of a ModelService, once at each turn. An Event that is decided on twice is the same Event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from moorage_api.base import API_VERSION
from moorage_api.conditions import condition
from moorage_api.model_service import ModelService, ModelServiceStatus
from moorage_operator.model_service.clusters import RayServiceSeen
from moorage_operator.model_service.revisions import Revision
from moorage_operator.model_service.rollout import Rollout
from moorage_operator.plan import ObjectRef, Record

_WAITING = ("Deploying", "WaitingForModel")
"""Reasons for not being ready that time heals: no news."""


def blocked_events(service: ModelService, status: ModelServiceStatus) -> list[Record]:
    """Of a service about which nothing is to be done."""
    return _turned_away(service, status)


def rollout_events(
    service: ModelService, kuberay: RayServiceSeen, stored: Sequence[Revision], rollout: Rollout, status: ModelServiceStatus
) -> list[Record]:
    """A rollout begins, ends well, or is given up; or the service stops answering.

    No time is in the words, for one that was killed after telling and before remembering would tell it again in others.
    """
    before = {one.number: one.marks for one in stored}
    serving = kuberay.active_revision
    found: list[Record] = []
    for revision in rollout.revisions:
        old, marks = before.get(revision.number), revision.marks
        what = f"revision {revision.number}" + (f", model {revision.served.model.digest[:19]}" if revision.served is not None else "")
        if marks.started_at is not None and (old is None or old.started_at is None):
            place = f" in place of revision {serving}" if serving is not None else ""
            found.append(_record(service, "Normal", "RolloutStarted", f"{what}, is rolled out{place}"))
        if marks.cluster is not None and (old is None or old.cluster != marks.cluster):
            found.append(_record(service, "Normal", "RolledOut", f"{what}, has the traffic, in Ray cluster {marks.cluster}"))
        if marks.failed is not None and (old is None or old.failed is None):
            to = f"revision {rollout.target.number} is rendered again"
            found.append(_record(service, "Warning", "RolloutFailed", f"{what}, was given up: {marks.failed}; {to}"))
    return [*found, *_turned_away(service, status)]


def _turned_away(service: ModelService, status: ModelServiceStatus) -> list[Record]:
    """Ready is False for another reason than before."""
    old, new = condition(service.status, "Ready"), condition(status, "Ready")
    if new is None or new.status != "False" or new.reason in _WAITING:
        return []
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return []
    return [_record(service, "Warning", new.reason, new.message)]


def _record(service: ModelService, type_: Literal["Normal", "Warning"], reason: str, message: str) -> Record:
    ref = ObjectRef(API_VERSION, "ModelService", service.metadata.name, service.metadata.namespace)
    return Record(ref, service.metadata.uid or "", type_, reason, message)
