"""What a Tenant's status says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moorage_api.errors import Problem
from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant, TenantStatus
from moorage_operator.accounts.ready import Verdict, report
from moorage_operator.plan import Plan


def decide_tenant(tenant: Tenant, tenants: Sequence[Tenant], plans: Sequence[PricePlan], active_keys: int | None, now: datetime) -> Plan:
    """`tenants` and `plans`: all there are. `active_keys`: as the ledger says; None if it does not answer: what was last known stays."""
    if active_keys is None:
        active_keys = tenant.status.active_keys if tenant.status is not None else 0
    return report(tenant, TenantStatus(active_keys=active_keys), _verdict(tenant, tenants, plans), now)


def _verdict(tenant: Tenant, tenants: Sequence[Tenant], plans: Sequence[PricePlan]) -> Verdict:
    known = sorted(plan.metadata.name for plan in plans)
    if tenant.spec.plan not in known:
        remedy = f"known: {', '.join(known)}" if known else "there is no PricePlan yet: add one"
        return Verdict("False", "NoSuchPricePlan", str(Problem("no such PricePlan", "", "spec.plan", tenant.spec.plan, remedy)))
    shared = _shared(tenant, tenants)
    if shared:
        # Legitimate (its objects name the tenant that pays), but a surprise to whoever relies on the namespace's default.
        return Verdict("True", "NamespacesShared", f"objects there must name their tenant: {'; '.join(shared)}")
    return Verdict("True", "PlanKnown", f"use is priced by PricePlan {tenant.spec.plan}")


def _shared(tenant: Tenant, tenants: Sequence[Tenant]) -> list[str]:
    found = []
    for namespace in sorted(tenant.spec.namespaces):
        others = sorted(t.metadata.name for t in tenants if t.metadata.name != tenant.metadata.name and namespace in t.spec.namespaces)
        if others:
            found.append(f"namespace {namespace} is also listed by {', '.join(others)}")
    return found
