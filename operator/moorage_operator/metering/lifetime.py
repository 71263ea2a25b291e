"""What a pod held, for whom, and from when to when, as its object tells it. Pure.

Bills are of whole buckets whose contents cannot change any more. So a lifetime tells two ends apart: `end_us`, which is
a fact, and `certain_until_us`, up to which the pod surely ran though nobody knows yet for how long:

- once its deletion is asked for, the kubelet may stop it at any time. `deletionTimestamp` includes the grace period, and moves when
  somebody shortens that or forces the deletion; less `deletionGracePeriodSeconds` it is never before the deletion was asked for.
- once its node is silent (the node controller turns Ready to False, while ContainersReady stays as the kubelet left it).

A pod whose node never reports again has its end at `deletionTimestamp`, the end of its grace period, once that is
LOST_SECONDS ago: so long a kubelet that still lives would have told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moorage_api.usage import MICRO, Subject
from moorage_billing.instant import SECOND_US
from moorage_operator import names
from moorage_operator.metering.container_times import Start, held_containers, start_of
from moorage_operator.metering.pod_end import SETTLING_SECONDS, certain_until_us, deletion_us, end_us
from moorage_operator.metering.quantity import micro_of

Body = dict[str, Any]
LOST_SECONDS = 300

_BUCKET_US = 60 * SECOND_US
_KINDS = ("TrainingJob", "ModelService")


class Unmeterable(ValueError):
    """The pod's object does not say who pays, for what or how much; the message is a sentence about the pod."""


@dataclass(frozen=True)
class Lifetime:
    """What one pod held. Times are microseconds since 1970 UTC; cpus in cores.

    first_start: False where an earlier start of a container is forgotten, `start_us` is then at a bucket's beginning.
    lost_us: where the pod ends if nothing is heard of it; None while nobody asked to delete it.
    """

    uid: str
    subject: Subject
    tenant: str
    pool: str
    cpus: float
    gpus: float
    start_us: int
    first_start: bool = True
    end_us: int | None = None
    certain_until_us: int | None = None
    lost_us: int | None = None

    def end_at(self, now_us: int) -> int | None:
        """The end, if at `now_us` it is known or given up for lost."""
        if self.end_us is not None:
            return self.end_us
        gone = self.lost_us is not None and now_us >= self.lost_us + LOST_SECONDS * SECOND_US
        return self.lost_us if gone else None

    def certain_at(self, now_us: int) -> int:
        """Up to when, at `now_us`, it surely ran, if its end is not known."""
        certain = now_us - SETTLING_SECONDS * SECOND_US
        return certain if self.certain_until_us is None else min(certain, self.certain_until_us)


def pod_lifetime(body: Body, gpu_resources: frozenset[str] = frozenset(), remembered_start_us: int | None = None) -> Lifetime | None:
    """The lifetime of a pod of Moorage's; None if none of its containers has started. Raises Unmeterable.

    gpu_resources: names of extended resources that are GPUs, besides those that end in `/gpu`.
    remembered_start_us: its first start as it was seen before the kubelet forgot it.
    """
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    start = start_of(status) if remembered_start_us is None else Start(remembered_start_us, True)
    if start is None:
        return None
    labels = metadata.get("labels") or {}
    missing = [label for label in (names.KIND, names.NAME, names.UID, names.TENANT) if not labels.get(label)]
    if missing or labels[names.KIND] not in _KINDS:
        raise Unmeterable(f"its label {missing[0] if missing else names.KIND} does not say who pays for what")
    cpus, gpus = held_resources(spec, gpu_resources)
    return Lifetime(
        uid=metadata["uid"],
        subject=Subject(kind=labels[names.KIND], namespace=metadata["namespace"], name=labels[names.NAME], uid=labels[names.UID]),
        tenant=labels[names.TENANT],
        pool=labels.get(names.POOL) or "default",
        cpus=cpus,
        gpus=gpus,
        start_us=start.at_us if start.first else -(-start.at_us // _BUCKET_US) * _BUCKET_US,
        first_start=start.first,
        end_us=end_us(body),
        certain_until_us=certain_until_us(body),
        lost_us=deletion_us(metadata),
    )


def held_resources(spec: Body, gpu_resources: frozenset[str]) -> tuple[float, float]:
    """(cores, GPUs): the sums of its containers' and sidecars' limits, of requests where there is no limit. Raises Unmeterable."""
    cpus = gpus = 0
    for container in held_containers(spec):
        resources = container.get("resources") or {}
        held = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
        try:
            cpus += micro_of(held.get("cpu", 0))
            gpus += sum(micro_of(amount) for name, amount in held.items() if name in gpu_resources or name.endswith("/gpu"))
        except ValueError as error:
            raise Unmeterable(f"the resources of its container {container.get('name')} cannot be read: {error}") from None
    return cpus / MICRO, gpus / MICRO
