"""Costs and invoices over HTTP: the same amounts as the ledger's own, and as `moorage bill` prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moorage_api.errors import InvalidInput
from moorage_billing.cost_book import CostBook
from moorage_billing.invoice import make_invoice
from moorage_billing.invoice_document import invoice_of
from moorage_billing.invoice_table import table_text
from moorage_billing.period import Period
from moorage_billing.render import as_document, focus_csv, to_json


@pytest.fixture
def used(any_service: Any, catalogue: Any, make_event: Any) -> Any:
    """Ten requests of acme to two services, two of beta, in two months."""
    any_service.client().put_catalogue(*catalogue)
    any_service.room.costs = CostBook(any_service.room.database, clock=lambda: 0.0)  # pricing takes no time, so it is never put off
    other = make_event(0).subject.model_copy(update={"uid": "u2", "name": "words"})
    events = [make_event(n, time=f"2026-11-{n + 1:02d}T00:00:00Z", **({"subject": other} if n % 3 == 0 else {})) for n in range(10)]
    events += [make_event(10, code=500, quantities={}), make_event(11, tenant="beta"), make_event(12, time="2026-10-03T00:00:00Z")]
    any_service.client().append(events)
    return any_service


def test_what_objects_and_tenants_cost(used: Any, make_event: Any) -> None:
    admin = used.client("admin")
    cost = admin.cost("ModelService", "u1")
    assert (cost.cost, cost.currency) == (None, None), "two currencies do not add up"
    assert [(part.tenant, part.currency) for part in cost.tenants] == [("acme", "EUR"), ("beta", "JPY")]
    assert cost.tenants[1].amount == "20"
    november = json.loads(admin.invoice("acme", "2026-11"))
    of = {
        uid: sum(float(line["amount"]) for line in november["lines"] if line.get("subject", {}).get("uid") == uid) for uid in ("u1", "u2")
    }
    assert float(cost.tenants[0].amount) == pytest.approx(of["u1"])
    words = admin.cost("ModelService", "u2")
    assert words.currency == "EUR"
    assert float(words.cost) == pytest.approx(of["u2"])
    assert admin.cost("TrainingJob", "unknown").to_wire() == {"cost": "0", "tenants": []}
    costs = {(c.tenant, c.currency, c.period): c.amount for c in admin.tenant_costs()}
    assert costs == {("acme", "EUR", "2026-11"): november["total"], ("beta", "JPY", "2026-11"): "20"}
    used.client().append([make_event(13)])
    assert float(admin.tenant_costs()[0].amount) == pytest.approx(float(november["total"]) + 0.1)
    with pytest.raises(InvalidInput, match="nothing of this kind costs money"):
        admin.cost("Dataset", "u1")


def test_an_invoice_is_the_same_bytes_everywhere(used: Any, catalogue: Any) -> None:
    admin = used.client("admin")
    (acme, _), (plan, _) = catalogue
    period = Period.parse("2026-11")
    invoice = make_invoice(used.room.usage.events("acme"), plan, acme, period)
    assert admin.invoice("acme", "2026-11", "json") == to_json(invoice)
    assert admin.invoice("acme", "2026-11", "focus") == focus_csv(invoice)
    assert admin.invoice("acme", "2026-11", "table").decode() == table_text(invoice)
    assert invoice_of(as_document(invoice)) == invoice
    assert used.ask("GET", "/v1/invoices/acme").text == table_text(invoice), "this month, as a table"


def test_what_a_deleted_tenant_used_is_invoiced_once_it_is_there_again(used: Any, catalogue: Any) -> None:
    admin, (tenants, plans) = used.client("admin"), catalogue
    before = admin.invoice("acme", "2026-11", "json")
    used.client().put_catalogue([one for one in tenants if one.metadata.name != "acme"], plans)
    for ask in (lambda: admin.invoice("acme", "2026-11", "json"), lambda: admin.cost("ModelService", "u1")):
        with pytest.raises(InvalidInput, match="there is no such Tenant in the ledger's catalogue \\(got acme\\)"):
            ask()
    used.client().put_catalogue(tenants, plans)
    assert admin.invoice("acme", "2026-11", "json") == before


def test_a_bad_question_about_money_is_answered_by_name(service: Any, catalogue: Any) -> None:
    service.client().put_catalogue(catalogue[0], [])
    admin = service.client("admin")
    for ask, told in (
        (lambda: admin.invoice("gamma", "2026-11"), "there is no such Tenant in the ledger's catalogue \\(got gamma\\)"),
        (lambda: admin.invoice("acme", "2026-13"), "period: not a billing period \\(got 2026-13\\)"),
        (lambda: admin.invoice("acme", "2026-11", "pdf"), "not a format of invoices \\(got pdf\\); one of table, json, focus"),
        (
            lambda: admin.invoice("acme", "2026-11"),
            "Tenant acme: spec.plan: there is no such PricePlan in the ledger's catalogue \\(got pro\\)",
        ),
    ):
        with pytest.raises(InvalidInput, match=told):
            ask()
    assert admin.tenant_costs() == []


def test_an_invoice_that_was_tampered_with_is_not_shown(used: Any) -> None:
    document = json.loads(used.client("admin").invoice("acme", "2026-11"))
    with pytest.raises(InvalidInput, match="its lines do not sum to its total"):
        invoice_of({**document, "total": "1"})
    with pytest.raises(InvalidInput, match="not an invoice"):
        invoice_of({"version": "moorage.dev/invoice.v2"})
