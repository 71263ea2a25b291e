"""What is to be billed now, and which pods may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from moorage_api.clock import timestamp
from moorage_api.usage import UsageEvent
from moorage_billing.instant import micros_of
from moorage_operator import names
from moorage_operator.metering.lifetime import Lifetime, Unmeterable, pod_lifetime
from moorage_operator.metering.pod_end import is_over, never_starts
from moorage_operator.metering.pod_usage import pod_usage
from moorage_operator.plan import Action, ObjectRef, Plan, PutEvents, Record, SetFinalizers
from moorage_operator.settings import OperatorSettings

Body = dict[str, Any]
MAX_BATCH = 2000
"""Events in one request to the ledger."""
MAX_EVENTS = 20_000
"""Events in one plan; what is left over comes with the next one, at once."""


@dataclass(frozen=True)
class Remembered:
    """What is known of a pod from before, in microseconds since 1970: its first start, and up to when the ledger has it."""

    start_us: int | None = None
    billed_us: int | None = None


@dataclass(frozen=True)
class _Look:
    """One pod at one time. lifetime: None if it never started, or cannot be metered (`problem` says why)."""

    body: Body
    lifetime: Lifetime | None
    over: bool
    since_us: int | None
    problem: str | None


def decide_metering(
    pods: Iterable[Body], now: datetime, settings: OperatorSettings, remembered: Mapping[str, Remembered] | None = None
) -> Plan:
    """First the events, in batches, then the release of each pod whose last second is among them, or was before.

    `pods` are all pods of Moorage's, without gaps: one that is not there is taken for gone. `remembered`, by uid, only saves
    work: without it the plan holds the same events and more, all of which the ledger has.
    """
    now_us = micros_of(timestamp(now))
    gpus = gpu_resources(settings)
    looks = [_look(body, now_us, gpus, (remembered or {}).get(body["metadata"]["uid"], Remembered())) for body in pods]
    # What is over goes first: its objects are waited for.
    looks.sort(key=lambda look: (not look.over, look.body["metadata"]["uid"]))
    events: list[UsageEvent] = []
    after: list[Action] = []
    cut_short = False
    for look in looks:
        if look.lifetime is not None:
            room = MAX_EVENTS - len(events)
            fresh = list(islice(pod_usage(look.lifetime, now_us, look.since_us), room + 1))
            events += fresh[:room]
            if len(fresh) > room:
                cut_short = True
                break
        if look.over:
            after += _let_go(look)
    batches = [PutEvents(tuple(events[first : first + MAX_BATCH])) for first in range(0, len(events), MAX_BATCH)]
    return Plan((*batches, *after), look_again_seconds=0.0 if cut_short else settings.metering_seconds)


def gpu_resources(settings: OperatorSettings) -> frozenset[str]:
    """The extended resources that are GPUs in some pool."""
    return frozenset(pool.gpu_resource_name for pool in settings.node_pools.values() if pool.gpu_resource_name)


def _look(body: Body, now_us: int, gpus: frozenset[str], known: Remembered) -> _Look:
    try:
        lifetime = pod_lifetime(body, gpus, known.start_us)
    except Unmeterable as problem:
        return _Look(body, None, is_over(body) or never_starts(body, now_us), known.billed_us, str(problem))
    over = is_over(body) or (never_starts(body, now_us) if lifetime is None else lifetime.end_at(now_us) is not None)
    return _Look(body, lifetime, over, known.billed_us, None)


def _let_go(look: _Look) -> Iterable[Action]:
    metadata = look.body["metadata"]
    finalizers = metadata.get("finalizers") or ()
    if names.METERING_FINALIZER not in finalizers:
        return
    ref = ObjectRef("v1", "Pod", metadata["name"], metadata["namespace"])
    if look.problem is not None:
        yield Record(ref, metadata["uid"], "Warning", "NotMetered", f"this pod is not billed: {look.problem}")
    others = tuple(name for name in finalizers if name != names.METERING_FINALIZER)
    yield SetFinalizers(ref, others, metadata["resourceVersion"])
