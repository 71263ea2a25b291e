"""An invoice as data for a table, as canonical JSON, and as FOCUS 1.2 CSV. The same invoice gives the same bytes; no clock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from moorage_api.price_plan import MeterName
from moorage_api.usage import Subject
from moorage_billing.fixed_point import unscaled
from moorage_billing.focus import focus_csv as focus_csv
from moorage_billing.invoice import Invoice, UsageLine
from moorage_billing.money import decimal_of, display

QUANTITY_PLACES = 6
UNITS: dict[MeterName, str] = {
    "Requests": "requests",
    "RowsPredicted": "rows",
    "TrainingCpuSeconds": "core-seconds",
    "TrainingGpuSeconds": "GPU-seconds",
    "ServingCpuSeconds": "core-seconds",
    "ServingGpuSeconds": "GPU-seconds",
}


@dataclass(frozen=True)
class TableRow:
    """One line of an invoice as people read it; every cell is text."""

    item: str
    cause: str
    quantity: str
    unit: str
    unit_price: str
    amount: str


def table_rows(invoice: Invoice) -> list[TableRow]:
    """The invoice's lines, the fee first; amounts are exact, only the total (`total_text`) is rounded."""
    rows = []
    if invoice.subscription:
        fee = decimal_of(invoice.subscription.amount)
        unit = "year" if invoice.subscription.period == "Annual" else "month"
        rows.append(TableRow(f"Subscription ({invoice.subscription.period})", f"PricePlan {invoice.plan}", "1", unit, fee, fee))
    for line in invoice.usage:
        tier = f", tier {line.tier}" if line.tier else ", included" if line.unit_price == 0 else ""
        cause = f"{line.subject.kind} {line.subject.namespace}/{line.subject.name}"
        quantity = unscaled(line.quantity, QUANTITY_PLACES)
        rows.append(
            TableRow(f"{line.meter}{tier}", cause, quantity, UNITS[line.meter], decimal_of(line.unit_price), decimal_of(line.amount))
        )
    return rows


def total_text(invoice: Invoice) -> str:
    """The total for people, in the currency's minor unit."""
    return display(invoice.total, invoice.currency)


def as_document(invoice: Invoice) -> dict[str, Any]:
    """The invoice as JSON-ready data: camelCase, quantities and money as exact decimal strings."""
    return {
        "version": "moorage.dev/invoice.v1",
        "id": invoice.id,
        "issuer": invoice.issuer,
        "tenant": invoice.tenant,
        "plan": invoice.plan,
        "currency": invoice.currency,
        "period": str(invoice.period),
        "start": invoice.period.start,
        "end": invoice.period.end,
        "lines": _subscription(invoice) + [_line(line) for line in invoice.usage],
        "total": decimal_of(invoice.total),
        "responses": {str(code): count for code, count in invoice.responses_by_code.items()},
        "responsesBySubject": [
            {"subject": _subject(r.subject), "responses": {str(code): count for code, count in r.by_code.items()}}
            for r in invoice.responses
        ],
    }


def to_json(invoice: Invoice) -> bytes:
    """Canonical JSON: keys sorted, no white space, UTF-8, one newline at the end."""
    return (json.dumps(as_document(invoice), sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def _subscription(invoice: Invoice) -> list[dict[str, Any]]:
    fee = invoice.subscription
    if fee is None:
        return []
    amount = decimal_of(fee.amount)
    return [
        {
            "type": "Subscription",
            "subscriptionPeriod": fee.period,
            "months": fee.months,
            "quantity": "1",
            "unitPrice": amount,
            "amount": amount,
        }
    ]


def _line(line: UsageLine) -> dict[str, Any]:
    return {
        "type": "Usage",
        "meter": line.meter,
        "tier": line.tier,
        "subject": _subject(line.subject),
        "quantity": unscaled(line.quantity, QUANTITY_PLACES),
        "unitPrice": decimal_of(line.unit_price),
        "amount": decimal_of(line.amount),
    }


def _subject(subject: Subject) -> dict[str, str]:
    return subject.model_dump()
