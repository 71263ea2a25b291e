"""What one object has cost so far: its lines on its tenant's invoices. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_api.usage import UsageEvent
from moorage_billing.invoice import make_invoice
from moorage_billing.money import decimal_of
from moorage_billing.period import Period


def object_cost(events: Iterable[UsageEvent], plan: PricePlan, tenant: Tenant, uid: str) -> str:
    """A decimal string in the plan's currency: every line, of every month, that the object with `uid` caused.

    `events` are the tenant's, at least all those of the meters that the object uses: tiers and included amounts are
    shared with the tenant's other objects.
    """
    known = list(events)
    periods = sorted({Period.containing(event.time) for event in known})
    lines = [line for period in periods for line in make_invoice(known, plan, tenant, period).usage]
    return decimal_of(sum(line.amount for line in lines if line.subject.uid == uid))
