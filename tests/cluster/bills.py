"""Invoices as the tests read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from moorage_billing.remote import RemoteLedger

Document = dict[str, Any]


def invoice(ledger: RemoteLedger, tenant: str) -> Document:
    """The tenant's invoice of this month."""
    found: Document = json.loads(ledger.invoice(tenant, datetime.now(UTC).strftime("%Y-%m")))
    return found


def quantity(document: Document, meter: str, uid: str = "") -> Decimal:
    """The sum over the meter's lines (of one object)."""
    lines = [line for line in document["lines"] if line.get("meter") == meter and uid in ("", (line.get("subject") or {}).get("uid"))]
    return sum((Decimal(line["quantity"]) for line in lines), Decimal(0))
