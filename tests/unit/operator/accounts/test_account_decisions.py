"""What Datasets, Tenants and PricePlans say of themselves; said once, and told when it turns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moorage_api.base import API_VERSION
from moorage_api.conditions import condition
from moorage_api.dataset import Dataset, DatasetStatus, PrivacyBudget
from moorage_api.ledger_api import JobSpending, PrivacyStatement
from moorage_api.meta import Status
from moorage_api.price_plan import PricePlan, PricePlanStatus
from moorage_api.privacy import PrivacyMechanism
from moorage_api.tenant import Tenant, TenantStatus
from moorage_operator.accounts.decide_dataset import WATCH_SECONDS, decide_dataset
from moorage_operator.accounts.decide_price_plan import decide_price_plan
from moorage_operator.accounts.decide_tenant import decide_tenant
from moorage_operator.plan import Plan, Record, SetStatus

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def dataset(name: str = "digits", uri: str = "sklearn://digits", namespace: str = "team-a", age: int = 0, budget: bool = True) -> Dataset:
    created = (NOW - timedelta(days=age)).isoformat().replace("+00:00", "Z")
    spec: dict[str, Any] = {"uri": uri, "format": "Bundled" if "sklearn" in uri else "ImageFolder"}
    if budget:
        spec["privacyBudget"] = {"epsilon": 3.0, "delta": 1e-5}
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 2, "creationTimestamp": created}
    return Dataset.from_wire({"apiVersion": API_VERSION, "kind": "Dataset", "metadata": metadata, "spec": spec})


def statement(*states: str, spent: float | None = 1.0, reserved: float | None = 1.5, overspent: bool = False) -> PrivacyStatement:
    mechanism = PrivacyMechanism(sampling_rate=0.1, noise_multiplier=1.0, steps=10)
    jobs = [
        JobSpending(holder=f"j{n}", job_ref="TrainingJob a/b", state=state, mechanism=mechanism, epsilon=1.0, overrun=False)  # type: ignore[arg-type]
        for n, state in enumerate(states)
    ]
    budget = PrivacyBudget(epsilon=3.0, delta=1e-5)
    remaining = max(0.0, 3.0 - (reserved or 0.0))
    return PrivacyStatement(
        uri="sklearn://digits", budget=budget, spent=spent, reserved=reserved, remaining=remaining, overspent=overspent, jobs=jobs
    )


def tenant(name: str = "acme", plan: str = "standard", namespaces: tuple[str, ...] = ()) -> Tenant:
    metadata = {"name": name, "uid": f"uid-{name}", "generation": 1}
    spec = {"plan": plan, "namespaces": list(namespaces)}
    return Tenant.from_wire({"apiVersion": API_VERSION, "kind": "Tenant", "metadata": metadata, "spec": spec})


def price_plan(name: str = "standard") -> PricePlan:
    metadata = {"name": name, "uid": f"uid-{name}", "generation": 1}
    return PricePlan.from_wire(
        {"apiVersion": API_VERSION, "kind": "PricePlan", "metadata": metadata, "spec": {"currency": "EUR", "free": True}}
    )


def written(plan: Plan) -> dict[str, Any]:
    (status,) = [action.status for action in plan.actions if isinstance(action, SetStatus)]
    return status


def ready(status: Status | None) -> tuple[str, str, str]:
    found = condition(status, "Ready")
    assert found is not None
    return found.status, found.reason, found.message


def after(resource: Dataset, plan: Plan) -> Dataset:
    return resource.model_copy(update={"status": DatasetStatus.from_wire(written(plan))})


def records(plan: Plan) -> list[tuple[str, str]]:
    return [(action.type, action.reason) for action in plan.actions if isinstance(action, Record)]


def test_a_dataset_says_what_its_account_holds() -> None:
    plan = decide_dataset(dataset(), [dataset()], statement("Committed", "Reserved"), NOW)
    status = DatasetStatus.from_wire(written(plan))
    assert status.spent is not None
    assert status.reserved is not None
    assert (status.spent.epsilon, status.spent.jobs) == (1.0, 1)
    assert (status.reserved.epsilon, status.reserved.jobs, status.remaining_epsilon) == (1.5, 2, 1.5)
    assert ready(status) == ("True", "WithinBudget", "epsilon 1.5 of 3 is left at delta 1e-05")
    assert (status.observed_generation, plan.look_again_seconds) == (2, WATCH_SECONDS)
    assert decide_dataset(dataset(), [], statement("Committed"), NOW).look_again_seconds is None


def test_what_stands_there_is_not_written_again() -> None:
    first = decide_dataset(dataset(), [], statement("Committed"), NOW)
    told = after(dataset(), first)
    assert decide_dataset(told, [], statement("Committed"), NOW + timedelta(hours=1)).actions == ()
    changed = decide_dataset(told, [], statement("Committed", spent=2.0), NOW + timedelta(hours=1))
    assert records(changed) == []
    (still,) = DatasetStatus.from_wire(written(changed)).conditions
    assert told.status is not None
    assert still.last_transition_time == told.status.conditions[0].last_transition_time


def test_a_dataset_without_a_budget_is_ready() -> None:
    plan = decide_dataset(dataset(budget=False), [dataset("other")], None, NOW)
    assert ready(DatasetStatus.from_wire(written(plan)))[:2] == ("True", "NoBudget")


def test_a_ledger_that_is_away_leaves_the_figures() -> None:
    told = after(dataset(), decide_dataset(dataset(), [], statement("Committed"), NOW))
    plan = decide_dataset(told, [], None, NOW)
    status = DatasetStatus.from_wire(written(plan))
    assert told.status is not None
    assert (ready(status)[:2], status.spent) == (("Unknown", "LedgerUnavailable"), told.status.spent)
    assert (records(plan), plan.look_again_seconds) == ([], WATCH_SECONDS)
    assert records(decide_dataset(after(told, plan), [], statement("Committed"), NOW)) == []


def test_a_budget_that_was_lowered_is_told_once() -> None:
    over = statement("Committed", spent=4.0, reserved=4.0, overspent=True)
    plan = decide_dataset(dataset(), [], over, NOW)
    told = after(dataset(), plan)
    expected = "epsilon 4 is spent or reserved, the budget is 3 at delta 1e-05: no job can start"
    assert ready(told.status) == ("False", "Overspent", expected)
    assert records(plan) == [("Warning", "Overspent")]
    assert decide_dataset(told, [], over, NOW).actions == ()
    assert records(decide_dataset(told, [], statement("Committed"), NOW)) == [("Normal", "WithinBudget")]
    unbounded = decide_dataset(dataset(), [], statement("Committed", spent=None, reserved=None, overspent=True), NOW)
    assert "more than can be told" in ready(DatasetStatus.from_wire(written(unbounded)))[2]


def test_of_two_budgets_over_the_same_records_the_older_holds() -> None:
    older, younger = dataset("a", "/data/x", age=2), dataset("b", "file:///data//x/", age=1)
    both = [older, younger]
    assert ready(DatasetStatus.from_wire(written(decide_dataset(older, both, statement(), NOW))))[0] == "True"
    plan = decide_dataset(younger, both, statement(), NOW)
    assert ready(DatasetStatus.from_wire(written(plan))) == (
        "False",
        "TwoBudgets",
        "spec.uri: the same records have a privacy budget already, by Dataset team-a/a (got file:///data//x/); "
        "records have one budget: use that Dataset",
    )
    assert written(plan).keys() == {"conditions", "observedGeneration"}
    assert records(plan) == [("Warning", "TwoBudgets")]


def test_of_two_budgets_over_overlapping_records_neither_holds() -> None:
    both = [dataset("a", "/data", age=2), dataset("b", "/data/x", age=1)]
    for one, other in (both, reversed(both)):
        status = DatasetStatus.from_wire(written(decide_dataset(one, both, statement(), NOW)))
        assert ready(status)[:2] == ("False", "TwoBudgets")
        assert f"overlap those of {other.ref}" in ready(status)[2]


@pytest.mark.parametrize(
    "other",
    [dataset("b", "/data/x", namespace="team-b", age=9), dataset("b", "/data/x", age=9, budget=False), dataset("b", "/data/xy", age=9)],
)
def test_other_volumes_other_records_and_no_budget_do_not_collide(other: Dataset) -> None:
    mine = dataset("a", "/data/x")
    assert ready(DatasetStatus.from_wire(written(decide_dataset(mine, [mine, other], statement(), NOW))))[0] == "True"


def test_a_tenant_needs_a_plan_that_exists() -> None:
    plan = decide_tenant(tenant(plan="gold"), [tenant()], [price_plan("silver"), price_plan("bronze")], 1, NOW)
    status = TenantStatus.from_wire(written(plan))
    expected = "spec.plan: no such PricePlan (got gold); known: bronze, silver"
    assert (ready(status), status.active_keys) == (("False", "NoSuchPricePlan", expected), 1)
    assert records(plan) == [("Warning", "NoSuchPricePlan")]
    bare = decide_tenant(tenant(), [], [], 0, NOW)
    assert "there is no PricePlan yet" in ready(TenantStatus.from_wire(written(bare)))[2]


def test_a_tenant_keeps_its_keys_while_the_ledger_is_away() -> None:
    first = decide_tenant(tenant(), [tenant()], [price_plan()], 2, NOW)
    told = tenant().model_copy(update={"status": TenantStatus.from_wire(written(first))})
    assert ready(told.status) == ("True", "PlanKnown", "use is priced by PricePlan standard")
    assert decide_tenant(told, [told], [price_plan()], None, NOW).actions == ()
    assert written(decide_tenant(tenant(), [], [price_plan()], None, NOW))["activeKeys"] == 0
    assert written(decide_tenant(told, [told], [price_plan()], 3, NOW))["activeKeys"] == 3


def test_a_tenant_that_shares_a_namespace_says_so() -> None:
    mine, other = tenant(namespaces=("a", "b")), tenant("other", namespaces=("b", "c"))
    status = TenantStatus.from_wire(written(decide_tenant(mine, [mine, other], [price_plan()], 0, NOW)))
    expected = "objects there must name their tenant: namespace b is also listed by other"
    assert ready(status) == ("True", "NamespacesShared", expected)


def test_a_price_plan_counts_its_tenants() -> None:
    tenants = [tenant("a"), tenant("b"), tenant("c", plan="gold")]
    status = PricePlanStatus.from_wire(written(decide_price_plan(price_plan(), tenants, NOW)))
    assert (status.tenants, ready(status)) == (2, ("True", "Valid", "2 Tenants on it"))
    told = price_plan().model_copy(update={"status": status})
    assert decide_price_plan(told, tenants, NOW).actions == ()
    assert written(decide_price_plan(told, [], NOW))["tenants"] == 0
