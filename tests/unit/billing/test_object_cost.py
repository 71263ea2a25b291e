"""What one object has cost: its share of its tenant's invoices, over the months."""

from __future__ import annotations

from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_api.usage import MICRO, Subject, UsageEvent
from moorage_billing.object_cost import object_cost

PLAN = PricePlan.from_wire(
    {
        "kind": "PricePlan",
        "metadata": {"name": "p"},
        "spec": {
            "currency": "EUR",
            "subscription": {"fee": "49"},
            "meters": [{"meter": "TrainingCpuSeconds", "included": 10, "tiers": [{"unitPrice": "0.5"}]}],
        },
    }
)
TENANT = Tenant.from_wire({"kind": "Tenant", "metadata": {"name": "t"}, "spec": {"plan": "p"}})


def event(uid: str, number: int, time: str, seconds: int) -> UsageEvent:
    subject = Subject(kind="TrainingJob", namespace="n", name=uid, uid=uid)
    return UsageEvent(
        source=uid, id=str(number), tenant="t", subject=subject, time=time, quantities={"TrainingCpuSeconds": seconds * MICRO}
    )


def test_included_amounts_are_shared_by_time_and_the_fee_is_nobodys() -> None:
    events = [event("first", 1, "2026-10-01T00:00:00Z", 8), event("second", 1, "2026-10-02T00:00:00Z", 8)]
    assert object_cost(events, PLAN, TENANT, "first") == "0"
    assert object_cost(events, PLAN, TENANT, "second") == "3"


def test_months_add_up_and_each_has_its_own_included_amount() -> None:
    events = [event("long", 1, "2026-10-31T23:59:00Z", 14), event("long", 2, "2026-11-01T00:00:00Z", 13)]
    assert object_cost(events, PLAN, TENANT, "long") == "3.5"


def test_nothing_used_costs_nothing() -> None:
    assert object_cost([], PLAN, TENANT, "first") == "0"
