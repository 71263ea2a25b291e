"""Keys, invoices and privacy accounts of a ledger's service."""

from __future__ import annotations

import json
from datetime import timedelta

from moorage_api.errors import InvalidInput, Problem
from moorage_api.ledger_api import CreatedKey, RevokedKey, TenantKeys
from moorage_billing.invoice import Invoice
from moorage_billing.invoice_document import invoice_of
from moorage_billing.period import Period
from moorage_billing.remote import RemoteLedger
from moorage_cli.ledger_choice import Account


class ServiceLedger:
    """A LedgerChoice."""

    def __init__(self, remote: RemoteLedger) -> None:
        self._remote = remote

    def create_key(self, tenant: str, lifetime: timedelta | None) -> CreatedKey:
        """Make a key."""
        return self._remote.create_key(tenant, None if lifetime is None else int(lifetime.total_seconds()))

    def keys(self) -> list[TenantKeys]:
        """All keys."""
        return self._remote.list_keys()

    def revoke_key(self, given: str) -> RevokedKey:
        """End a key."""
        return self._remote.revoke_key(given)

    def invoices(self, tenant: str | None, period: Period) -> list[Invoice]:
        """As the service computed them; what waits in outboxes of the cluster is shipped by its agents within a second."""
        names = [tenant] if tenant else [t.metadata.name for t in self._remote.catalogue().tenants]
        if not names:
            fix = "apply one; the operator tells the ledger within seconds"
            raise InvalidInput(Problem("there is no Tenant in the ledger's catalogue", self._remote.url, remedy=fix))
        return [invoice_of(json.loads(self._remote.invoice(name, str(period)))) for name in names]

    def accounts(self, dataset: str | None, namespace: str) -> list[Account]:  # noqa: ARG002 - uris are in no namespace
        """A ledger knows records by their uri only, so `dataset` is one; an account's budget is the one last reserved under."""
        uris = [dataset] if dataset else self._remote.privacy_accounts()
        return [Account(uri, self._remote.statement(uri)) for uri in uris]
