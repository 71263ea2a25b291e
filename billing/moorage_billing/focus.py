"""An invoice as a FOCUS 1.2 data set in CSV (FinOps Open Cost and Usage Specification, version 1.2).

Columns: all mandatory ones, and the conditional and recommended ones whose condition holds here, in the specification's
(alphabetical) order. Left out, as their condition does not hold: availability zones and regions, capacity reservations,
commitment discounts, a pricing currency besides the billing currency, several types of account.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Literal

from moorage_api.price_plan import MeterName
from moorage_billing.fixed_point import unscaled
from moorage_billing.invoice import Invoice, SubscriptionLine, UsageLine
from moorage_billing.money import decimal_of

_PRODUCT_PLACES = 15  # micro-units times nano-units
_RISKY_FIRST = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class _Sku:
    service: str
    meter: str
    unit: str


_SKUS: dict[MeterName, _Sku] = {
    "Requests": _Sku("Moorage Serving", "API Requests", "Requests"),
    "RowsPredicted": _Sku("Moorage Serving", "Rows Predicted", "Rows"),
    "TrainingCpuSeconds": _Sku("Moorage Training", "Training CPU Time", "Core-Seconds"),
    "TrainingGpuSeconds": _Sku("Moorage Training", "Training GPU Time", "GPU-Seconds"),
    "ServingCpuSeconds": _Sku("Moorage Serving", "Serving CPU Time", "Core-Seconds"),
    "ServingGpuSeconds": _Sku("Moorage Serving", "Serving GPU Time", "GPU-Seconds"),
}


@dataclass(frozen=True)
class Column:
    """One FOCUS column: whether a value may be null, and what a value is."""

    name: str
    nullable: bool
    type: Literal["String", "Decimal", "Date/Time", "JSON"] = "String"


COLUMNS = (
    Column("BilledCost", False, "Decimal"),
    Column("BillingAccountId", False),
    Column("BillingAccountName", True),
    Column("BillingCurrency", False),
    Column("BillingPeriodEnd", False, "Date/Time"),
    Column("BillingPeriodStart", False, "Date/Time"),
    Column("ChargeCategory", False),
    Column("ChargeClass", True),
    Column("ChargeDescription", True),
    Column("ChargeFrequency", False),
    Column("ChargePeriodEnd", False, "Date/Time"),
    Column("ChargePeriodStart", False, "Date/Time"),
    Column("ConsumedQuantity", True, "Decimal"),
    Column("ConsumedUnit", True),
    Column("ContractedCost", False, "Decimal"),
    Column("ContractedUnitPrice", True, "Decimal"),
    Column("EffectiveCost", False, "Decimal"),
    Column("InvoiceId", True),
    Column("InvoiceIssuerName", False),
    Column("ListCost", False, "Decimal"),
    Column("ListUnitPrice", True, "Decimal"),
    Column("PricingCategory", True),
    Column("PricingQuantity", True, "Decimal"),
    Column("PricingUnit", True),
    Column("ProviderName", False),
    Column("PublisherName", False),
    Column("ResourceId", True),
    Column("ResourceName", True),
    Column("ResourceType", True),
    Column("ServiceCategory", False),
    Column("ServiceName", False),
    Column("ServiceSubcategory", False),
    Column("SkuId", True),
    Column("SkuMeter", True),
    Column("SkuPriceDetails", True, "JSON"),
    Column("SkuPriceId", True),
    Column("SubAccountId", True),
    Column("SubAccountName", True),
    Column("Tags", True, "JSON"),
)


def focus_csv(*invoices: Invoice) -> bytes:
    """The invoices' lines as one FOCUS data set: UTF-8, RFC 4180, null as an empty field. The same invoices give the same bytes.

    BilledCost and EffectiveCost are the invoice's amounts; ListCost and ContractedCost the exact product of price and
    quantity, less than a nano-unit away. Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    rows = [row for invoice in invoices for row in _rows(invoice)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(column.name for column in COLUMNS)
    for row in rows:
        writer.writerow(_cell(column, row[column.name]) for column in COLUMNS)
    return out.getvalue().encode()


def _rows(invoice: Invoice) -> list[dict[str, str | None]]:
    fee = [_subscription_row(invoice, invoice.subscription)] if invoice.subscription else []
    return fee + [_usage_row(invoice, line) for line in invoice.usage]


def _cell(column: Column, value: str | None) -> str | None:
    if value is not None and column.type == "String" and value.startswith(_RISKY_FIRST):
        return "'" + value
    return value


def _invoice_cells(invoice: Invoice) -> dict[str, str | None]:
    return {
        "BillingAccountId": invoice.tenant,
        "BillingAccountName": invoice.tenant,
        "BillingCurrency": invoice.currency,
        "BillingPeriodEnd": invoice.period.end,
        "BillingPeriodStart": invoice.period.start,
        "ChargeClass": None,
        "ChargePeriodEnd": invoice.period.end,
        "ChargePeriodStart": invoice.period.start,
        "InvoiceId": invoice.id,
        "InvoiceIssuerName": invoice.issuer,
        "PricingCategory": "Standard",
        "ProviderName": "Moorage",
        "PublisherName": "Moorage",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Machine Learning",
    }


def _usage_row(invoice: Invoice, line: UsageLine) -> dict[str, str | None]:
    sku, subject = _SKUS[line.meter], line.subject
    quantity, price = unscaled(line.quantity, 6), decimal_of(line.unit_price)
    exact = unscaled(line.quantity * line.unit_price, _PRODUCT_PLACES)
    tier = f"tier {line.tier}" if line.tier else "included or unpriced"
    return _invoice_cells(invoice) | {
        "BilledCost": decimal_of(line.amount),
        "EffectiveCost": decimal_of(line.amount),
        "ListCost": exact,
        "ContractedCost": exact,
        "ListUnitPrice": price,
        "ContractedUnitPrice": price,
        "ChargeCategory": "Usage",
        "ChargeClass": "Correction" if line.quantity < 0 else None,
        "ChargeDescription": f"{sku.meter} of {subject.kind} {subject.namespace}/{subject.name}, {tier}",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": quantity,
        "ConsumedUnit": sku.unit,
        "PricingQuantity": quantity,
        "PricingUnit": sku.unit,
        "ResourceId": f"{subject.kind}/{subject.namespace}/{subject.name}/{subject.uid}",
        "ResourceName": subject.name,
        "ResourceType": subject.kind,
        "ServiceName": sku.service,
        "SkuId": line.meter,
        "SkuMeter": sku.meter,
        "SkuPriceDetails": json.dumps({"x_Tier": line.tier}),
        "SkuPriceId": f"{invoice.plan}/{line.meter}/{line.tier}",
        "SubAccountId": f"{invoice.tenant}/{subject.namespace}",
        "SubAccountName": subject.namespace,
        "Tags": json.dumps({"moorage.dev/kind": subject.kind, "moorage.dev/plan": invoice.plan}, sort_keys=True),
    }


def _subscription_row(invoice: Invoice, fee: SubscriptionLine) -> dict[str, str | None]:
    amount = decimal_of(fee.amount)
    costs = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ListUnitPrice", "ContractedUnitPrice")
    absent = ("ConsumedQuantity", "ConsumedUnit", "ResourceId", "ResourceName", "ResourceType", "SubAccountId", "SubAccountName")
    return (
        _invoice_cells(invoice)
        | dict.fromkeys(costs, amount)
        | dict.fromkeys(absent, None)
        | {
            "ChargeCategory": "Purchase",
            "ChargeDescription": f"{fee.period} subscription of plan {invoice.plan}",
            "ChargeFrequency": "Recurring",
            "ChargePeriodEnd": invoice.period.plus(fee.months).start,
            "PricingQuantity": "1",
            "PricingUnit": "Years" if fee.period == "Annual" else "Months",
            "ServiceName": "Moorage Platform",
            "SkuId": f"Subscription-{fee.period}",
            "SkuMeter": "Subscription",
            "SkuPriceDetails": None,
            "SkuPriceId": f"{invoice.plan}/Subscription-{fee.period}",
            "Tags": json.dumps({"moorage.dev/plan": invoice.plan}),
        }
    )
