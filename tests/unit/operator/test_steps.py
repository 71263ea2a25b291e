"""What a step does when one of the things that it looks at is not as it should be."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from unit.operator.metering.pods import SETTINGS, ended, pod

from moorage_api.errors import InvalidInput, Problem
from moorage_api.ledger_api import ObjectCost
from moorage_billing.remote import RemoteLedger
from moorage_operator import names
from moorage_operator.apply import Applier
from moorage_operator.cache import Cache
from moorage_operator.dependents import METERING, WorkKey
from moorage_operator.metrics import OperatorMetrics
from moorage_operator.plan import Plan, PutEvents, SetFinalizers
from moorage_operator.steps import Steps


class Applied:
    """Takes every plan, and remembers its actions."""

    def __init__(self) -> None:
        self.actions: list[Any] = []

    async def apply(self, plan: Plan) -> None:
        self.actions += plan.actions


class LedgerWithoutTenant:
    """Prices every job but that of a tenant that is gone."""

    def cost(self, kind: str, uid: str) -> ObjectCost:
        if uid == "orphan":
            raise InvalidInput(Problem("no such tenant", "costs", "tenant", "gone"))
        return ObjectCost(cost="3", currency="USD", tenants=[])


def job_pod(uid: str, job: str) -> dict[str, Any]:
    return pod(ended("ray", 0, 60), uid=uid, phase="Succeeded", labels={names.NAME: job, names.UID: job})


def test_a_tenant_that_is_gone_holds_up_nobody_else_s_bill() -> None:
    cache, applied, added = Cache(), Applied(), list[WorkKey]()
    for body in (job_pod("p1", "orphan"), job_pod("p2", "digits")):
        cache.put(body)
    metrics = OperatorMetrics(cache, lambda: 0.0, lambda: 0.0)
    steps = Steps(SETTINGS, cache, cast(Applier, applied), cast(RemoteLedger, LedgerWithoutTenant()), metrics, added.append)
    assert asyncio.run(steps.metering(METERING)) is not None, "the next look is in its usual time, not after a growing pause"
    billed = {event.source for action in applied.actions if isinstance(action, PutEvents) for event in action.events}
    assert billed == {"Pod/p1", "Pod/p2"}
    assert {action.ref.name for action in applied.actions if isinstance(action, SetFinalizers)} == {"digits-p1", "digits-p2"}
    assert cache.costs == {"digits": "3"}
    assert added == [WorkKey("TrainingJob", "team-a", "digits")]
