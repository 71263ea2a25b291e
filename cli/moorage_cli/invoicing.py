"""Invoices of a home's tenants, from its ledger and its plans."""

from __future__ import annotations

from collections.abc import Sequence

from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_billing import invoice_table
from moorage_billing.invoice import Invoice, make_invoice
from moorage_billing.ledger import Ledger
from moorage_billing.period import Period
from moorage_billing.shipper import drain
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.output import say, say_table


def invoices_of(store: ObjectStore, tenants: Sequence[Tenant], period: Period) -> list[Invoice]:
    """One invoice a tenant. What waits in outboxes is shipped first, so that what was answered is counted."""
    url = store.home.ledger_url
    for outbox in store.home.outboxes():
        drain(outbox, url)
    ledger = Ledger(url)
    try:
        return [make_invoice(ledger.events(t.metadata.name, period), store.get(PricePlan, None, t.spec.plan), t, period) for t in tenants]
    finally:
        ledger.close()


def say_invoice(invoice: Invoice) -> None:
    """The invoice as a table, its total, and how requests were answered."""
    say(invoice_table.head(invoice))
    say_table(invoice_table.columns(invoice), invoice_table.rows(invoice), nothing=invoice_table.NO_ROWS)
    for line in invoice_table.foot(invoice):
        say(line)
