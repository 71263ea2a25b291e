"""Keys, invoices and privacy accounts of a home."""

from __future__ import annotations

from datetime import timedelta

from moorage_api.access_policy import ApiKey
from moorage_api.clock import utc_now
from moorage_api.dataset import Dataset
from moorage_api.errors import InvalidInput, Problem
from moorage_api.ledger_api import CreatedKey, KeyInfo, RevokedKey, TenantKeys
from moorage_api.tenant import Tenant
from moorage_billing.api_keys import is_active, key_info
from moorage_billing.invoice import Invoice
from moorage_billing.period import Period
from moorage_billing.privacy_ledger import PrivacyLedger
from moorage_billing.privacy_statement import statement_document
from moorage_cli.api_keys import create_key, read_policy, revoke_key
from moorage_cli.engine.accounts import budget_key
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import Home
from moorage_cli.invoicing import invoices_of
from moorage_cli.ledger_choice import Account


class HomeLedger:
    """A LedgerChoice."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._store = ObjectStore(home)

    def create_key(self, tenant: str, lifetime: timedelta | None) -> CreatedKey:
        """Make a key. The Tenant must be in the home."""
        made = create_key(self._home, self._store.get(Tenant, None, tenant), utc_now(), lifetime)
        return CreatedKey(key=made.key, tenant=tenant, kept=made.kept)

    def keys(self) -> list[TenantKeys]:
        """All keys."""
        now = utc_now()

        def infos(keys: list[ApiKey]) -> list[KeyInfo]:
            return [key_info(key, now) for key in keys]

        tenants = read_policy(self._home).tenants
        return [TenantKeys(tenant=t.name, active=sum(is_active(k, now) for k in t.keys), keys=infos(t.keys)) for t in tenants]

    def revoke_key(self, given: str) -> RevokedKey:
        """End a key."""
        now = utc_now()
        tenant, key = revoke_key(self._home, given, now)
        return RevokedKey(tenant=tenant, key=key_info(key, now))

    def invoices(self, tenant: str | None, period: Period) -> list[Invoice]:
        """From the home's ledger and plans."""
        tenants = [self._store.get(Tenant, None, tenant)] if tenant else self._store.all(Tenant)
        if not tenants:
            raise InvalidInput(Problem("there is no Tenant in this home", str(self._home.root), remedy="apply one with `moorage run -f`"))
        return invoices_of(self._store, tenants, period)

    def accounts(self, dataset: str | None, namespace: str) -> list[Account]:
        """Of a Dataset by name, or of every Dataset with a budget."""
        all_ = self._store.all(Dataset)
        chosen = [self._store.get(Dataset, namespace, dataset)] if dataset else [d for d in all_ if d.spec.privacy_budget]
        if dataset and chosen[0].spec.privacy_budget is None:
            raise InvalidInput(Problem("it has no privacy budget", chosen[0].ref, "spec.privacyBudget", remedy="set epsilon and delta"))
        ledger = PrivacyLedger(self._home.ledger_url)
        try:
            return [self._account(d, ledger) for d in chosen]
        finally:
            ledger.close()

    def _account(self, dataset: Dataset, ledger: PrivacyLedger) -> Account:
        statement = statement_document(ledger.statement(budget_key(dataset), dataset.spec.privacy_budget))
        return Account(f"{dataset.ref} ({statement.uri})", statement, dataset.metadata.name, dataset.metadata.namespace)
