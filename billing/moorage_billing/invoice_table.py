"""An invoice as `moorage bill` shows it: what stands above, in and below its table, and the whole as plain text."""

from __future__ import annotations

from moorage_billing.invoice import Invoice
from moorage_billing.render import table_rows, total_text

NO_ROWS = "no use"


def head(invoice: Invoice) -> str:
    """The line above the table."""
    return f"Invoice {invoice.id} of tenant {invoice.tenant}, plan {invoice.plan}, {invoice.period}"


def columns(invoice: Invoice) -> tuple[str, ...]:
    """The table's heading."""
    return ("Item", "Caused by", "Quantity", "Unit", f"Price ({invoice.currency})", "Amount")


def rows(invoice: Invoice) -> list[tuple[str, ...]]:
    """The table's cells, a row a line of the invoice."""
    return [(r.item, r.cause, r.quantity, r.unit, r.unit_price, r.amount) for r in table_rows(invoice)]


def foot(invoice: Invoice) -> list[str]:
    """The lines below the table: the total, and how requests were answered."""
    codes = ", ".join(f"{count} x {code}" for code, count in invoice.responses_by_code.items())
    return [f"Total: {total_text(invoice)}", *([f"Requests answered: {codes}"] if codes else [])]


def table_text(invoice: Invoice) -> str:
    """What a pipe gets: aligned plain lines."""
    cells = rows(invoice)
    lines = _aligned([columns(invoice), *cells]) if cells else [NO_ROWS]
    return "".join(f"{line}\n" for line in (head(invoice), *lines, *foot(invoice)))


def _aligned(table: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
