"""Cores and GPUs held over time, as usage events in buckets of 60 seconds aligned to UTC.

A bucket's event has an id of its own and is given only once it cannot change any more: when the bucket is over, or the
lifetime is. So a long job is billed while it runs, whoever reads the same lifetimes again gets the same events, and
(buckets being aligned) no event straddles two months. Times are integer microseconds, amounts integer millionths: what a
bucket holds is the difference of two cumulated amounts, each rounded down, so the buckets sum to the lifetime exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

from moorage_api.price_plan import MeterName
from moorage_api.run_config import JobIdentity
from moorage_api.run_report import WorkerLifetime
from moorage_api.usage import MICRO, Subject, UsageEvent
from moorage_billing.instant import SECOND_US, micros_of, timestamp_of

BUCKET_SECONDS = 60
_BUCKET_US = BUCKET_SECONDS * SECOND_US
_METERS: dict[str, tuple[MeterName, MeterName]] = {
    "TrainingJob": ("TrainingCpuSeconds", "TrainingGpuSeconds"),
    "ModelService": ("ServingCpuSeconds", "ServingGpuSeconds"),
}


def training_usage(job: JobIdentity, workers: list[WorkerLifetime], now: str) -> list[UsageEvent]:
    """The final buckets of a run's workers, in the workers' order. Pure.

    A worker that is not finished is billed up to the last whole bucket before `last_seen_at`; time after `now` (a clock
    that is ahead) is left for later. The tenant of a job must stay what it was at its first event.
    """
    subject = Subject(kind="TrainingJob", namespace=job.namespace, name=job.name, uid=job.uid)
    source = f"TrainingJob/{job.uid}"
    return [
        event
        for w in workers
        for event in _usage(source, w.worker, subject, job.tenant, (w.cpus, w.gpus), (w.started_at, w.last_seen_at), w.finished, now)
    ]


def replica_usage(
    subject: Subject,
    tenant: str,
    replica: str,
    cpus: float,
    gpus: float,
    started_at: str,
    until: str,
    final: bool,
    since: str | None = None,
) -> list[UsageEvent]:
    """The final buckets of one serving replica that ran from `started_at` to `until`; `final`: it ended there. Pure.

    `replica` must be unique in the service for ever. `since` leaves out the buckets that ended by then, which the ledger has.
    """
    source = f"{subject.kind}/{subject.uid}"
    return list(_usage(source, replica, subject, tenant, (cpus, gpus), (started_at, until), final, until, since))


def pod_usage(
    pod_uid: str,
    subject: Subject,
    tenant: str,
    cpus: float,
    gpus: float,
    started_at: str,
    until: str,
    final: bool,
    since: str | None = None,
) -> Iterator[UsageEvent]:
    """The final buckets of one pod that ran from `started_at` to `until`; `final`: it ended there. Pure, and lazy: a pod may be old.

    The source is `Pod/<uid>`, an event's id its bucket's start. `since` leaves out the buckets that ended by then, which
    the ledger has.
    """
    yield from _usage(f"Pod/{pod_uid}", "", subject, tenant, (cpus, gpus), (started_at, until), final, until, since)


def _usage(
    source: str,
    holder: str,
    subject: Subject,
    tenant: str,
    held: tuple[float, float],
    lifetime: tuple[str, str],
    finished: bool,
    now: str,
    since: str | None = None,
) -> Iterator[UsageEvent]:
    start, end = (micros_of(moment) for moment in lifetime)
    known = min(end, micros_of(now))
    complete = finished and known == end
    micro = [round(amount * MICRO) for amount in held]
    if not any(micro):
        return
    bucket = max(start, micros_of(since) if since else start) // _BUCKET_US * _BUCKET_US
    while bucket < known and (complete or bucket + _BUCKET_US <= known):
        first, last = max(bucket, start) - start, min(bucket + _BUCKET_US, known) - start
        amounts = [rate * last // SECOND_US - rate * first // SECOND_US for rate in micro]
        quantities = {meter: amount for meter, amount in zip(_METERS[subject.kind], amounts, strict=True) if amount}
        if quantities:
            time = timestamp_of(bucket)
            id_ = f"{holder}/{time}" if holder else time
            yield UsageEvent(source=source, id=id_, tenant=tenant, subject=subject, time=time, quantities=quantities)
        bucket += _BUCKET_US


def lifetime_quantity(amount: float, started_at: str, ended_at: str) -> int:
    """Micro-unit-seconds of `amount` cores or GPUs held from start to end; 0 where a clock went backwards."""
    return max(0, round(amount * MICRO) * (micros_of(ended_at) - micros_of(started_at)) // SECOND_US)
