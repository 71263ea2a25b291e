"""Invoices worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moorage_api.errors import InvalidInput
from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.invoice import Invoice, Period, make_invoice
from moorage_billing.render import table_rows, to_json, total_text

NOVEMBER = Period.parse("2026-11")
GRADUATED = {
    "meter": "Requests",
    "mode": "Graduated",
    "included": 100,
    "tiers": [{"upTo": 1000, "unitPrice": "0.01"}, {"unitPrice": "0.001"}],
}


def plan(**spec: Any) -> PricePlan:
    return PricePlan.from_wire({"metadata": {"name": "pro"}, "spec": {"currency": "EUR", **spec}})


def tenant(created: str | None = "2026-03-15T10:00:00Z") -> Tenant:
    metadata = {"name": "acme"} | ({"creationTimestamp": created} if created else {})
    return Tenant.from_wire({"metadata": metadata, "spec": {"plan": "pro"}})


def subject(name: str) -> Subject:
    return Subject(kind="ModelService", namespace="default", name=name, uid=f"uid-{name}")


def use(number: int, name: str, requests: int, time: str = "2026-11-02T00:00:00Z", code: int | None = None, **other: int) -> UsageEvent:
    quantities = ({"Requests": requests * 10**6} if requests else {}) | other
    return UsageEvent(source="box", id=str(number), tenant="acme", subject=subject(name), time=time, code=code, quantities=quantities)


def bill(events: list[UsageEvent], **spec: Any) -> Invoice:
    return make_invoice(events, plan(**spec), tenant(), NOVEMBER)


def lines(invoice: Invoice) -> list[tuple[str, int, int, int]]:
    return [(line.subject.name, line.tier, line.quantity // 10**6, line.amount) for line in invoice.usage]


def test_graduated_tiers_are_filled_in_the_order_of_time() -> None:
    events = [use(1, "late", 500, "2026-11-03T00:00:00Z"), use(2, "early", 800, "2026-11-01T00:00:00Z")]
    invoice = bill(events, meters=[GRADUATED])
    assert lines(invoice) == [
        ("early", 0, 100, 0),
        ("early", 1, 700, 7_000_000_000),
        ("late", 1, 300, 3_000_000_000),
        ("late", 2, 200, 200_000_000),
    ]
    assert invoice.total == 10_200_000_000
    assert total_text(invoice) == "10.20 EUR"


def test_volume_prices_every_billed_unit_at_the_tier_that_the_total_reaches() -> None:
    volume = GRADUATED | {"mode": "Volume"}
    assert lines(bill([use(1, "a", 1100)], meters=[volume])) == [("a", 0, 100, 0), ("a", 1, 1000, 10_000_000_000)]
    assert lines(bill([use(1, "a", 1101)], meters=[volume])) == [("a", 0, 100, 0), ("a", 2, 1001, 1_001_000_000)]


def test_what_has_no_price_and_a_free_plan_are_listed_at_zero() -> None:
    events = [use(1, "a", 5, ServingCpuSeconds=60_000_000)]
    for spec in ({"free": True}, {"meters": [{"meter": "RowsPredicted", "tiers": [{"unitPrice": "1"}]}]}):
        invoice = bill(events, **spec)
        assert [(line.meter, line.quantity, line.amount) for line in invoice.usage] == [
            ("Requests", 5_000_000, 0),
            ("ServingCpuSeconds", 60_000_000, 0),
        ]
        assert invoice.total == 0


def test_a_correction_gives_back_at_the_price_that_was_paid() -> None:
    flat = {"meter": "Requests", "tiers": [{"unitPrice": "0.5"}]}
    back = UsageEvent(
        source="correction", id="1", tenant="acme", subject=subject("a"), time="2026-11-05T00:00:00Z", quantities={"Requests": -3_000_000}
    )
    assert lines(bill([use(1, "a", 10), back], meters=[flat])) == [("a", 1, 7, 3_500_000_000)]
    assert lines(bill([back], meters=[flat | {"included": 100}])) == [("a", 1, -3, -1_500_000_000)]


def test_an_object_whose_use_was_taken_back_whole_still_has_a_line() -> None:
    back = UsageEvent(
        source="correction", id="1", tenant="acme", subject=subject("a"), time="2026-11-05T00:00:00Z", quantities={"Requests": -10_000_000}
    )
    assert lines(bill([use(1, "a", 10), back], meters=[GRADUATED])) == [("a", 0, 0, 0)]


def test_only_the_tenants_own_events_of_the_period_count() -> None:
    events = [
        use(1, "a", 1, "2026-10-31T23:59:59.999999Z"),
        use(2, "a", 2, "2026-11-01T00:00:00Z"),
        use(3, "a", 4, "2026-11-30T23:59:59.999999Z"),
        use(4, "a", 8, "2026-12-01T00:00:00Z"),
        use(5, "a", 16).model_copy(update={"tenant": "other"}),
    ]
    assert lines(bill(events, free=True)) == [("a", 0, 6, 0)]


def test_responses_are_counted_by_object_and_code() -> None:
    events = [use(1, "a", 1, code=200), use(2, "a", 1, code=200), use(3, "a", 0, code=429), use(4, "b", 0, code=400)]
    invoice = bill(events, free=True)
    assert invoice.responses_by_code == {200: 2, 400: 1, 429: 1}
    assert [(r.subject.name, r.by_code) for r in invoice.responses] == [("a", {200: 2, 429: 1}), ("b", {400: 1})]


@pytest.mark.parametrize(
    ("period", "created", "month", "due"),
    [
        ("Monthly", "2026-11-30T23:59:59Z", "2026-11", True),
        ("Monthly", "2026-12-01T00:00:00Z", "2026-11", False),
        ("Monthly", None, "2026-11", True),
        ("Annual", "2025-11-15T00:00:00Z", "2026-11", True),
        ("Annual", "2026-11-15T00:00:00Z", "2026-11", True),
        ("Annual", "2026-11-15T00:00:00Z", "2026-12", False),
        ("Annual", "2027-11-15T00:00:00Z", "2026-11", False),
    ],
)
def test_when_the_fee_is_due(period: str, created: str | None, month: str, due: bool) -> None:
    priced = plan(subscription={"fee": "99.90", "period": period})
    invoice = make_invoice([], priced, tenant(created), Period.parse(month))
    assert invoice.total == (99_900_000_000 if due else 0)


def test_an_annual_fee_needs_the_date_of_creation() -> None:
    with pytest.raises(InvalidInput, match=r"Tenant acme: metadata\.creationTimestamp"):
        make_invoice([], plan(subscription={"fee": "1", "period": "Annual"}), tenant(None), NOVEMBER)


def test_another_tenants_plan_is_refused() -> None:
    other = Tenant.from_wire({"metadata": {"name": "acme"}, "spec": {"plan": "basic"}})
    with pytest.raises(InvalidInput, match="PricePlan basic"):
        make_invoice([], plan(free=True), other, NOVEMBER)


def test_the_table_and_the_json_say_the_same() -> None:
    invoice = bill([use(1, "a", 150, code=200)], subscription={"fee": "5"}, meters=[GRADUATED])
    assert [(r.item, r.cause, r.quantity, r.unit, r.unit_price, r.amount) for r in table_rows(invoice)] == [
        ("Subscription (Monthly)", "PricePlan pro", "1", "month", "5", "5"),
        ("Requests, included", "ModelService default/a", "100", "requests", "0", "0"),
        ("Requests, tier 1", "ModelService default/a", "50", "requests", "0.01", "0.5"),
    ]
    document = json.loads(to_json(invoice))
    assert [line["amount"] for line in document["lines"]] == ["5", "0", "0.5"]
    assert document["lines"][2]["subject"] == {"kind": "ModelService", "namespace": "default", "name": "a", "uid": "uid-a"}
    assert (document["total"], document["currency"], document["responses"]) == ("5.5", "EUR", {"200": 1})
