"""How the accounts say what they found: a condition Ready in a status, written only on change, and an Event when it turns. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from moorage_api.base import API_VERSION
from moorage_api.conditions import Truth, condition, with_condition
from moorage_api.dataset import Dataset, DatasetStatus
from moorage_api.meta import Status
from moorage_api.price_plan import PricePlan, PricePlanStatus
from moorage_api.tenant import Tenant, TenantStatus
from moorage_operator.plan import Action, ObjectRef, Plan, Record, SetStatus

Account = Dataset | Tenant | PricePlan
AccountStatus = DatasetStatus | TenantStatus | PricePlanStatus
READY = "Ready"


@dataclass(frozen=True)
class Verdict:
    """Whether it can be used, why, and a sentence for people."""

    truth: Truth
    reason: str
    message: str


def report(resource: Account, status: AccountStatus, verdict: Verdict, now: datetime, look_again_seconds: float | None = None) -> Plan:
    """Give `resource` the figures of `status` and the verdict; nothing is written if that is what stands there."""
    generation = resource.metadata.generation or 1
    old = resource.status.conditions if resource.status is not None else []
    conditions = with_condition(old, READY, verdict.truth, verdict.reason, verdict.message, generation=generation, now=now)
    new = status.model_copy(update={"conditions": conditions, "observed_generation": generation})
    if resource.status is not None and new.to_wire() == resource.status.to_wire():
        return Plan((), look_again_seconds)
    ref = ObjectRef(API_VERSION, resource.kind, resource.metadata.name, resource.metadata.namespace)
    actions: tuple[Action, ...] = (SetStatus(ref, new.to_wire()),)
    if _turned(resource.status, verdict):
        type_: Literal["Normal", "Warning"] = "Normal" if verdict.truth == "True" else "Warning"
        actions += (Record(ref, resource.metadata.uid or "", type_, verdict.reason, verdict.message),)
    return Plan(actions, look_again_seconds)


def _turned(status: Status | None, verdict: Verdict) -> bool:
    """Whether people should hear of it: it is not ready for a reason that is new, or ready again. That nobody knows is no news."""
    old = condition(status, READY)
    if verdict.truth == "False":
        return old is None or (old.status, old.reason) != ("False", verdict.reason)
    return verdict.truth == "True" and old is not None and old.status == "False"
