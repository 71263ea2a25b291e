"""What things cost so far: the invoice's own amounts, followed cheaply while events arrive in any order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from moorage_api.ledger_api import Catalogue
from moorage_api.manifest import parse_resource
from moorage_api.usage import Subject, UsageEvent
from moorage_billing import cost_book
from moorage_billing.catalogue import KnownCatalogue
from moorage_billing.cost_book import CostBook
from moorage_billing.database import Database
from moorage_billing.invoice import make_invoice
from moorage_billing.ledger import Ledger
from moorage_billing.money import decimal_of
from moorage_billing.object_cost import object_cost
from moorage_billing.period import Period

NOVEMBER = Period(2026, 11)


def resource(kind: str, name: str, **spec: Any) -> Any:
    return parse_resource({"apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}, "test")


def known(unit_price: str = "0.0003") -> KnownCatalogue:
    graduated = {"included": 7, "mode": "Graduated", "tiers": [{"upTo": 20, "unitPrice": unit_price}, {"unitPrice": "0.1"}]}
    volume = {"mode": "Volume", "tiers": [{"upTo": 5, "unitPrice": "3"}, {"unitPrice": "2.123456789"}]}
    meters = [{"meter": "Requests", **graduated}, {"meter": "RowsPredicted", **volume}]
    plan = resource("PricePlan", "pro", currency="EUR", meters=meters, subscription={"fee": "1"})
    tenants = [resource("Tenant", name, plan="pro") for name in ("acme", "beta")]
    return KnownCatalogue(1, Catalogue(tenants=tenants, plans=[plan]))


def some_events(chance: random.Random, count: int, first: int = 0) -> list[UsageEvent]:
    events = []
    for number in range(first, first + count):
        uid = chance.choice("uvw")
        meters = chance.sample(["Requests", "RowsPredicted"], k=chance.randint(0, 2))
        quantities: Any = {meter: chance.randint(-400_000, 2_000_000) for meter in meters}
        events.append(
            UsageEvent(
                source=chance.choice("ab"),
                id=str(number),
                tenant=chance.choice(["acme", "beta"]),
                subject=Subject(kind="ModelService", namespace="team", name=uid, uid=uid),
                time=f"2026-{chance.choice([9, 10, 11]):02d}-{chance.randint(1, 28):02d}T00:00:{chance.randint(0, 9):02d}Z",
                quantities=quantities,
            )
        )
    return events


@pytest.mark.parametrize("seed", range(5))
def test_costs_are_those_of_the_invoices_at_every_moment(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    ledger, book, catalogue = Ledger(database), CostBook(database, clock=lambda: 0.0), known()
    (plan,) = catalogue.catalogue.plans
    for step in range(4):
        ledger.append(some_events(chance, 30, first=step * 30))
        for uid in "uvw":
            parts = {part.tenant: part.amount for part in book.object_cost("ModelService", uid, catalogue).tenants}
            for tenant in catalogue.catalogue.tenants:
                name = tenant.metadata.name
                assert parts.get(name, "0") == object_cost(ledger.events(name), plan, tenant, uid)
        costs = {cost.tenant: cost.amount for cost in book.tenant_costs(NOVEMBER, catalogue)}
        expected = {
            t.metadata.name: decimal_of(make_invoice(ledger.events(), plan, t, NOVEMBER).total) for t in catalogue.catalogue.tenants
        }
        assert costs == expected
    assert book.object_cost("TrainingJob", "u", catalogue).cost == "0", "another kind"
    database.close()


def test_nothing_is_priced_again_until_something_came_and_a_while_went_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    ledger, now, priced = Ledger(database), [0.0], []
    real = cost_book.month_use

    def counted(connection: Any, tenant: str, period: Period) -> Any:
        priced.append((tenant, str(period)))
        now[0] += 0.5  # it takes half a second
        return real(connection, tenant, period)

    monkeypatch.setattr(cost_book, "month_use", counted)
    book, catalogue = CostBook(database, clock=lambda: now[0]), known()

    def amount(catalogue: KnownCatalogue) -> str:
        return next(c.amount for c in book.tenant_costs(NOVEMBER, catalogue) if c.tenant == "acme")

    def event(number: int) -> UsageEvent:
        facts: Any = {"tenant": "acme", "time": "2026-11-22T08:30:00Z", "quantities": {"RowsPredicted": 10**6}}
        return UsageEvent(source="box", id=str(number), subject=Subject(kind="ModelService", namespace="t", name="d", uid="u"), **facts)

    ledger.append([event(1)])
    assert amount(catalogue) == amount(catalogue) == "4"
    assert priced == [("acme", "2026-11"), ("beta", "2026-11")]
    ledger.append([event(2)])
    assert amount(catalogue) == "4", "ten seconds are not over"
    now[0] += 10
    assert amount(catalogue) == "7"
    assert priced[2:] == [("acme", "2026-11")], "nothing came for beta"
    now[0] += 1000
    assert amount(catalogue) == "7"
    assert len(priced) == 3
    changed = known("5")
    assert amount(changed) == "7"
    assert len(priced) == 5, "a plan that changed is priced at once"
    monkeypatch.setattr(cost_book, "_MAX_NEW_ROWS", 1)
    ledger.append([event(3), event(4)])
    assert amount(changed) == "13", "too far behind to follow: priced anew"
    database.close()
