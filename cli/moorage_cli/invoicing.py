"""Invoices of a home's tenants, from its ledger and its plans."""

from __future__ import annotations

from collections.abc import Sequence

from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_billing.invoice import Invoice, make_invoice
from moorage_billing.ledger import Ledger
from moorage_billing.period import Period
from moorage_billing.render import table_rows, total_text
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
    title = f"Invoice {invoice.id} of tenant {invoice.tenant}, plan {invoice.plan}, {invoice.period}"
    say(title)
    rows = [(r.item, r.cause, r.quantity, r.unit, r.unit_price, r.amount) for r in table_rows(invoice)]
    say_table(("Item", "Caused by", "Quantity", "Unit", f"Price ({invoice.currency})", "Amount"), rows, nothing="no use")
    say(f"Total: {total_text(invoice)}")
    codes = ", ".join(f"{count} x {code}" for code, count in invoice.responses_by_code.items())
    if codes:
        say(f"Requests answered: {codes}")
