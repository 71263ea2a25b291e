"""What a PricePlan's status says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moorage_api.price_plan import PricePlan, PricePlanStatus
from moorage_api.tenant import Tenant
from moorage_operator.accounts.ready import Verdict, report
from moorage_operator.plan import Plan


def decide_price_plan(plan: PricePlan, tenants: Sequence[Tenant], now: datetime) -> Plan:
    """`tenants`: all there are. A plan that the API server took can be priced by: its rules are those of the invoice."""
    count = sum(tenant.spec.plan == plan.metadata.name for tenant in tenants)
    message = "no Tenant is on it" if count == 0 else f"{count} Tenant{'s' if count > 1 else ''} on it"
    return report(plan, PricePlanStatus(tenants=count), Verdict("True", "Valid", message), now)
