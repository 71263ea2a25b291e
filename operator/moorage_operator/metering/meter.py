"""What the metering remembers from one look at the pods to the next. It may be lost at any time: the pods tell it all again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from moorage_api.clock import timestamp
from moorage_api.usage import UsageEvent
from moorage_billing.instant import micros_of
from moorage_operator import names
from moorage_operator.metering.container_times import start_of
from moorage_operator.metering.decide_metering import Body, Remembered, decide_metering
from moorage_operator.metering.infrastructure_cost import InfrastructureCost, infrastructure_costs
from moorage_operator.metering.pod_usage import bucket_end_us
from moorage_operator.plan import Plan, PutEvents
from moorage_operator.settings import OperatorSettings


class Meter:
    """`plan`, apply the plan, `done`. A plan that could not be applied is simply not done: the next one holds its events again."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._known: dict[str, Remembered] = {}
        self._pool_of: dict[str, str] = {}
        self._born_us: int | None = None

    def plan(self, pods: Iterable[Body], now: datetime) -> Plan:
        """What to bill now and which pods to let go, of all pods of Moorage's (the cache must have seen them all)."""
        bodies = list(pods)
        if self._born_us is None:
            self._born_us = micros_of(timestamp(now))
        self._known = {body["metadata"]["uid"]: self._remembered(body) for body in bodies}
        self._pool_of = {f"Pod/{body['metadata']['uid']}": _pool(body) for body in bodies}
        return decide_metering(bodies, now, self._settings, self._known)

    def done(self, plan: Plan) -> list[InfrastructureCost]:
        """The plan's events are in the ledger. Returns what they cost the platform, each bucket once in this object's life.

        Buckets from before this object's first look were counted by the process before it, as far as anybody knows; to
        count them again would let every restart look like a day's cost in an hour.
        """
        fresh = [event for event in _events(plan) if bucket_end_us(event) > self._billed_us(event)]
        for event in fresh:
            uid = _uid(event)
            self._known[uid] = replace(self._known.get(uid, Remembered()), billed_us=bucket_end_us(event))
        recent = [event for event in fresh if self._born_us is not None and bucket_end_us(event) > self._born_us]
        return infrastructure_costs(recent, self._pool_of, self._settings.node_pools)

    def _billed_us(self, event: UsageEvent) -> int:
        known = self._known.get(_uid(event))
        return known.billed_us if known is not None and known.billed_us is not None else 0

    def _remembered(self, body: Body) -> Remembered:
        known = self._known.get(body["metadata"]["uid"], Remembered())
        if known.start_us is not None:
            return known
        start = start_of(body.get("status") or {})
        return replace(known, start_us=start.at_us) if start is not None and start.first else known


def _events(plan: Plan) -> Iterable[UsageEvent]:
    for action in plan.actions:
        if isinstance(action, PutEvents):
            yield from action.events


def _uid(event: UsageEvent) -> str:
    return event.source.removeprefix("Pod/")


def _pool(body: Body) -> str:
    return (body["metadata"].get("labels") or {}).get(names.POOL) or "default"
