"""An invoice read back from its JSON document: the reverse of `render.as_document`, so that clients show what the ledger computed."""

from __future__ import annotations

from typing import Any

from moorage_api.errors import InvalidInput, MoorageError, Problem
from moorage_api.usage import Subject
from moorage_billing.fixed_point import scaled
from moorage_billing.invoice import Invoice, Responses, SubscriptionLine, UsageLine
from moorage_billing.money import nano_of
from moorage_billing.period import Period
from moorage_billing.render import QUANTITY_PLACES


def invoice_of(document: dict[str, Any]) -> Invoice:
    """The invoice. Raises InvalidInput if the document is none, or its lines do not sum to its total."""
    try:
        invoice = _invoice(document)
    except (KeyError, TypeError, ValueError, MoorageError) as error:
        raise InvalidInput(Problem(f"not an invoice: {type(error).__name__} {error}", "invoice")) from None
    if invoice.total != nano_of(document["total"]):
        raise InvalidInput(Problem("its lines do not sum to its total", f"invoice {invoice.id}", "total", document["total"]))
    return invoice


def _invoice(document: dict[str, Any]) -> Invoice:
    if document["version"] != "moorage.dev/invoice.v1":
        raise ValueError(f"version {document['version']}")
    fees = [line for line in document["lines"] if line["type"] == "Subscription"]
    return Invoice(
        id=document["id"],
        tenant=document["tenant"],
        plan=document["plan"],
        currency=document["currency"],
        period=Period.parse(document["period"]),
        subscription=SubscriptionLine(fees[0]["subscriptionPeriod"], fees[0]["months"], nano_of(fees[0]["amount"])) if fees else None,
        usage=tuple(_usage(line) for line in document["lines"] if line["type"] == "Usage"),
        responses=tuple(
            Responses(Subject(**r["subject"]), {int(code): count for code, count in r["responses"].items()})
            for r in document["responsesBySubject"]
        ),
        issuer=document["issuer"],
    )


def _usage(line: dict[str, Any]) -> UsageLine:
    return UsageLine(
        meter=line["meter"],
        tier=line["tier"],
        subject=Subject(**line["subject"]),
        quantity=scaled(line["quantity"], QUANTITY_PLACES),
        unit_price=nano_of(line["unitPrice"]),
        amount=nano_of(line["amount"]),
    )
