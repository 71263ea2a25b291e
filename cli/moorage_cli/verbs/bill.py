"""`moorage bill [--tenant T] [--period YYYY-MM] [--format table|json|focus]`: what each tenant owes."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from moorage_api.clock import timestamp, utc_now
from moorage_billing.invoice import Invoice
from moorage_billing.period import Period
from moorage_billing.render import focus_csv, to_json
from moorage_cli.invoicing import say_invoice
from moorage_cli.ledger_choice import LedgerOption, chosen_ledger
from moorage_cli.options import DEFAULT_HOME, HomeOption
from moorage_cli.output import say


class InvoiceFormat(StrEnum):
    """table for people; json: one invoice a line; focus: FOCUS 1.2 CSV."""

    table = "table"
    json = "json"
    focus = "focus"


def bill(
    tenant: Annotated[str | None, typer.Option(help="One tenant. Default: all.")] = None,
    period: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="The month, in UTC. Default: this month.")] = None,
    format_: Annotated[InvoiceFormat, typer.Option("--format", "--output", "-o", help="How the invoice is written.")] = InvoiceFormat.table,
    home: HomeOption = DEFAULT_HOME,
    ledger: LedgerOption = None,
) -> None:
    """Invoices from the ledger: the same ledger, plans and month give the same bytes."""
    month = Period.parse(period) if period else Period.containing(timestamp(utc_now()))
    with chosen_ledger(ledger, home) as chosen:
        invoices = chosen.invoices(tenant, month)
    if format_ is InvoiceFormat.table:
        for position, invoice in enumerate(invoices):
            if position:
                say("")
            say_invoice(invoice)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(b"".join(to_json(i) for i in invoices) if format_ is InvoiceFormat.json else _focus(invoices))
    sys.stdout.buffer.flush()


def _focus(invoices: list[Invoice]) -> bytes:
    """One data set: the heading once, then every invoice's rows."""
    parts = [focus_csv(invoice).split(b"\r\n", 1) for invoice in invoices]
    return parts[0][0] + b"\r\n" + b"".join(rows for _, rows in parts)
