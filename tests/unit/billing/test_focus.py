"""FOCUS 1.2: every row held against the specification's rules, independently of how it was made."""

from __future__ import annotations

import csv
import io
import json
import re
from fractions import Fraction
from typing import Any

import pytest

from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.invoice import Invoice, Period, make_invoice
from moorage_billing.render import focus_csv

# FOCUS 1.2, section "Columns": feature level Mandatory.
MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
}
# Conditional columns whose condition holds here: usage is measured, price lists exist, resources and sub accounts are billed.
CONDITIONAL = {
    "ConsumedQuantity",
    "ConsumedUnit",
    "ListUnitPrice",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
}
NEVER_NULL = MANDATORY - {"BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"}
NOT_NULL_FOR_USAGE_AND_PURCHASE = {"ListUnitPrice", "ContractedUnitPrice", "PricingCategory", "PricingQuantity", "SkuId", "SkuPriceId"}
NUMERIC = re.compile(r"^-?[0-9]+(\.[0-9]+)?$")
MOMENT = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")


def problems(row: dict[str, str]) -> list[str]:
    """What is wrong with one FOCUS row; an empty field is null."""
    null = {name for name, value in row.items() if value == ""}
    found = [f"{name} is null" for name in NEVER_NULL & null]
    if row["ChargeCategory"] not in {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}:
        found.append("ChargeCategory")
    if row["ChargeClass"] not in {"", "Correction"}:
        found.append("ChargeClass")
    if not row["ChargeClass"] and row["ChargeCategory"] in {"Usage", "Purchase"}:
        found += [f"{name} is null" for name in NOT_NULL_FOR_USAGE_AND_PURCHASE & null]
        for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
            if Fraction(row[price]) * Fraction(row["PricingQuantity"]) != Fraction(row[cost]):
                found.append(f"{cost} is not price times quantity")
    if (row["ConsumedQuantity"] == "") != (row["ChargeCategory"] != "Usage"):
        found.append("ConsumedQuantity")
    for one, other in (("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit"), ("ResourceId", "ResourceType")):
        if (one in null) != (other in null):
            found.append(f"{one} without {other}")
    if row["ChargeFrequency"] not in {"One-Time", "Recurring", "Usage-Based"}:
        found.append("ChargeFrequency")
    if row["ChargeCategory"] == "Purchase" and row["ChargeFrequency"] == "Usage-Based":
        found.append("ChargeFrequency of a purchase")
    found += [f"{n} is not a number" for n in row if n.endswith(("Cost", "Quantity", "UnitPrice")) and row[n] and not NUMERIC.match(row[n])]
    found += [f"{n} is not a time" for n in row if n.endswith(("PeriodStart", "PeriodEnd")) and not MOMENT.match(row[n])]
    found += [f"{n} is negative" for n in ("ListUnitPrice", "ContractedUnitPrice") if row[n].startswith("-")]
    for name in ("Tags", "SkuPriceDetails"):
        values = json.loads(row[name] or "{}").values()
        found += [f"{name} is nested"] if any(isinstance(v, dict | list) for v in values) else []
    return found


def invoice(events: list[UsageEvent], name: str = "acme", **spec: Any) -> Invoice:
    plan = PricePlan.from_wire({"metadata": {"name": "pro"}, "spec": {"currency": "USD", **spec}})
    tenant = Tenant.from_wire({"metadata": {"name": name, "creationTimestamp": "2025-11-03T00:00:00Z"}, "spec": {"plan": "pro"}})
    return make_invoice(events, plan, tenant, Period.parse("2026-11"))


def use(meter: str, quantity: int, kind: Any = "ModelService", name: str = "digits") -> UsageEvent:
    subject = Subject(kind=kind, namespace="default", name=name, uid="u1")
    return UsageEvent(
        source="box", id=f"{meter}{name}", tenant="acme", subject=subject, time="2026-11-02T00:00:00Z", quantities={meter: quantity}
    )


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


METERS = [
    {"meter": "Requests", "mode": "Graduated", "included": 3, "tiers": [{"upTo": 5, "unitPrice": "0.123456789"}, {"unitPrice": "0.1"}]},
    {"meter": "TrainingCpuSeconds", "tiers": [{"unitPrice": "0.000012345"}]},
]
EVENTS = [use("Requests", 12_000_000), use("TrainingCpuSeconds", 61_234_567, "TrainingJob"), use("RowsPredicted", -7_000_000)]


@pytest.mark.parametrize("period", ["Monthly", "Annual"])
def test_every_row_keeps_the_rules_and_the_sum_is_the_invoice(period: str) -> None:
    made = invoice(EVENTS, subscription={"fee": "49.99", "period": period}, meters=METERS)
    found = rows(focus_csv(made))
    assert len(found) == len(made.usage) + 1
    assert [problem for row in found for problem in problems(row)] == []
    for column in ("BilledCost", "EffectiveCost"):
        assert sum(Fraction(row[column]) for row in found) == Fraction(made.total, 10**9)
    assert {row["ChargeClass"] for row in found if Fraction(row["PricingQuantity"]) < 0} == {"Correction"}


def test_columns_are_those_of_the_specification_in_its_order() -> None:
    header = focus_csv(invoice(EVENTS, free=True)).decode().splitlines()[0].split(",")
    assert header == sorted(header)
    assert set(header) >= MANDATORY | CONDITIONAL


def test_several_invoices_are_one_data_set() -> None:
    one, other = invoice(EVENTS, meters=METERS), invoice([], name="beta", subscription={"fee": "1"})
    assert rows(focus_csv(one, other)) == rows(focus_csv(one)) + rows(focus_csv(other))
    assert {row["BillingAccountId"] for row in rows(focus_csv(one, other))} == {"acme", "beta"}


def test_an_empty_invoice_is_a_header() -> None:
    assert rows(focus_csv(invoice([], free=True))) == []


def test_a_cell_that_a_spreadsheet_would_run_is_defused_and_numbers_stay_numbers() -> None:
    nasty = '=HYPERLINK("http://x","y")'
    made = invoice([use("Requests", -1_000_000, name=nasty)], meters=METERS[:1])
    (row,) = rows(focus_csv(made))
    assert row["ResourceName"] == "'" + nasty
    assert row["BilledCost"] == "-0.123456789"
    assert not any(value.startswith(("=", "+", "@", "\t")) for value in row.values())


def test_the_validator_itself_sees_what_is_wrong() -> None:
    row = rows(focus_csv(invoice(EVENTS, meters=METERS)))[0]
    assert problems(row) == []
    assert problems(row | {"BilledCost": ""}) != []
    assert problems(row | {"ListCost": "17"}) != []
    assert problems(row | {"ChargePeriodStart": "2026-11-01"}) != []
