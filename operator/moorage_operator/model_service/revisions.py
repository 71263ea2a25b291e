"""Revisions: what was rolled out, kept in ControllerRevisions, and what is remembered of each in their annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import ValidationError

from moorage_api.base import AnyMapping, ApiModel
from moorage_api.clock import moment, timestamp
from moorage_api.model_service import Batching, ModelService, ServiceResources
from moorage_api.training_job import ModelReference
from moorage_operator import names
from moorage_operator.cache import Body
from moorage_operator.plan import Manifest

KEPT = 10
"""Revisions that can be gone back to."""
MAX_REASON = 2000


class Served(ApiModel):
    """What needs new pods when it changes. Sizes and access are not in it: those are changed in place."""

    model: ModelReference
    """The artifact."""
    tenant: str
    """Who pays for the replicas' time."""
    batching: Batching
    """Requests that are run together."""
    resources: ServiceResources
    """What each replica holds."""
    autoscaled: bool
    """Whether Ray's autoscaler follows the load; it needs a head pod with an autoscaler in it."""
    image: str
    """Ray and Moorage."""
    ray_version: str
    """The Ray in it."""


@dataclass(frozen=True)
class Marks:
    """What is remembered of a revision."""

    healthy_at: datetime | None = None
    """When it last began to take the traffic."""
    cluster: str | None = None
    """The Ray cluster in which it did."""
    started_at: datetime | None = None
    """When the rollout that is under way began."""
    failing_since: datetime | None = None
    """Since when Ray Serve says that it cannot deploy it."""
    failed: str | None = None
    """Why the rollout was given up."""


@dataclass(frozen=True)
class Revision:
    """One revision. data: as it is stored, which Kubernetes never lets change; served: None if this operator cannot read it."""

    number: int
    data: AnyMapping = field(compare=False)
    served: Served | None
    marks: Marks = Marks()

    def marked(self, **changes: object) -> Revision:
        """A copy with other marks."""
        return replace(self, marks=replace(self.marks, **changes))  # type: ignore[arg-type]


def stored_revisions(bodies: Iterable[Body]) -> tuple[Revision, ...]:
    """By number."""
    return tuple(sorted((_stored(body) for body in bodies), key=lambda revision: revision.number))


def _stored(body: Body) -> Revision:
    data = body.get("data") or {}
    try:
        served = Served.from_wire(data)
    except ValidationError:
        served = None
    found = body["metadata"].get("annotations") or {}
    marks = Marks(
        healthy_at=_time(found.get(names.HEALTHY)),
        cluster=found.get(names.CLUSTER),
        started_at=_time(found.get(names.ROLLOUT_STARTED)),
        failing_since=_time(found.get(names.FAILING_SINCE)),
        failed=found.get(names.FAILED),
    )
    return Revision(int(body.get("revision") or 0), data, served, marks)


def revision_of(revisions: Sequence[Revision], served: Served) -> Revision:
    """The revision that serves just this: one that there is, or else the next one. Equal wishes never make two."""
    for revision in reversed(revisions):
        if revision.served == served:
            return revision
    number = max((revision.number for revision in revisions), default=0) + 1
    return Revision(number, served.to_wire(), served)


def revision_manifest(service: ModelService, tenant: str, revision: Revision) -> Manifest:
    """The ControllerRevision of a revision with its marks. tenant: of one that does not say itself who pays."""
    marks = revision.marks
    annotations = {
        names.HEALTHY: _text(marks.healthy_at),
        names.CLUSTER: marks.cluster,
        names.ROLLOUT_STARTED: _text(marks.started_at),
        names.FAILING_SINCE: _text(marks.failing_since),
        names.FAILED: marks.failed[:MAX_REASON] if marks.failed is not None else None,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": names.revision_name(service.metadata.name, revision.number),
            "namespace": service.metadata.namespace,
            "labels": names.labels_of(service, revision.served.tenant if revision.served is not None else tenant),
            "annotations": {key: value for key, value in annotations.items() if value is not None},
            "ownerReferences": [names.owner_reference(service)],
        },
        "revision": revision.number,
        "data": revision.data,
    }


def surplus(revisions: Sequence[Revision], needed: Iterable[int]) -> tuple[Revision, ...]:
    """The oldest revisions beyond the last KEPT, except those in `needed`."""
    kept = set(needed) | {revision.number for revision in revisions[-KEPT:]}
    return tuple(revision for revision in revisions if revision.number not in kept)


def _time(text: str | None) -> datetime | None:
    try:
        return moment(text) if text else None
    except ValueError:
        return None


def _text(time: datetime | None) -> str | None:
    return timestamp(time) if time is not None else None
