"""The ledger's service as its clients see it: `RemoteLedger`, and `open_ledger` for whoever takes either kind of ledger.

Importing this is cheap: the HTTP client and the database's toolkit are loaded once one of them is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from moorage_api.access_policy import AccessPolicy
from moorage_api.dataset import PrivacyBudget
from moorage_api.ledger_api import (
    MAX_EVENTS,
    AllKeys,
    Catalogue,
    CatalogueReceipt,
    CreatedKey,
    EventBatch,
    EventReceipt,
    KeyRequest,
    ObjectCost,
    PrivacyAccounts,
    PrivacyHolding,
    PrivacyStatement,
    ReservationRequest,
    RevokedKey,
    Settlement,
    TenantCost,
    TenantCosts,
    TenantKeys,
)
from moorage_api.price_plan import PricePlan
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_config import Admission
from moorage_api.tenant import Tenant
from moorage_api.usage import UsageEvent
from moorage_billing.api_keys import prefix_of

if TYPE_CHECKING:
    from moorage_billing.ledger import Ledger

TOKEN_FILE_VARIABLE, TOKEN_VARIABLE = "MOORAGE_LEDGER_TOKEN_FILE", "MOORAGE_LEDGER_TOKEN"
_SERVICE_SECONDS = 15.0
"""Above what the service itself waits for its database: it then says what holds it up."""
_LONG_SECONDS = 120.0
"""Composing many mechanisms for the first time, and a month of a million requests, take a while."""


class RemoteLedger:
    """The service at a URL. Safe for threads; connections are kept.

    Every method raises Unavailable where the service cannot be reached or cannot work now (try again), Refused where it
    says no (also for a token that is not good), InvalidInput where what was asked is wrong.
    """

    def __init__(self, url: str, token_file: Path | None = None, token: str | None = None, timeout_seconds: float = 30.0) -> None:
        """Nothing is sent as yet. `token_file` is read again at each request. Raises InvalidInput for a bad URL."""
        self.url = url.rstrip("/")
        from moorage_billing.remote_calls import Calls, Credential  # the HTTP client

        self._calls = Calls(self.url, Credential(token, token_file), timeout_seconds)

    def append(self, events: Iterable[UsageEvent]) -> int:
        """Write the events that the ledger lacks; how many those were. An event with other contents than the ledger's refuses
        its batch (5000 events at most are one)."""
        return sum(self._post(batch, "Refuse").accepted for batch in _batches(events))

    def append_or_set_aside(self, events: Iterable[UsageEvent]) -> int:
        """Append, but an event that conflicts is set aside at the ledger and holds up no other."""
        return sum(self._post(batch, "SetAside").accepted for batch in _batches(events))

    def put_catalogue(self, tenants: Sequence[Tenant], plans: Sequence[PricePlan]) -> CatalogueReceipt:
        """Tell what tenants and plans there are."""
        return self._calls.put("/v1/catalogue", Catalogue(tenants=list(tenants), plans=list(plans)), CatalogueReceipt)

    def catalogue(self) -> Catalogue:
        """What was told last."""
        return self._calls.get("/v1/catalogue", Catalogue)

    def access_policy(self, tenants: Sequence[str] | None = None, etag: str | None = None) -> tuple[AccessPolicy, str] | None:
        """The policy of these tenants (None: of all) and its ETag; None while the policy is the one with `etag`."""
        pairs = [("tenant", name) for name in tenants or ()]
        return self._calls.get_if_changed("/v1/access-policy", AccessPolicy, pairs, etag)

    def reserve(self, uri: str, label: str, budget: PrivacyBudget, holder: str, job_ref: str, mechanism: PrivacyMechanism) -> Admission:
        """Hold a mechanism of a budget. A refusal is an Admission that is not granted and says why."""
        asked = ReservationRequest(uri=uri, label=label, budget=budget, holder=holder, job_ref=job_ref, mechanism=mechanism)
        return self._calls.post("/v1/privacy/reservations", asked, Admission, timeout_seconds=_LONG_SECONDS)

    def holding(self, holder: str) -> PrivacyHolding | None:
        """What a run holds; None if it never reserved anything."""
        return self._calls.get_or_none(_holding(holder), PrivacyHolding)

    def commit(self, holder: str, mechanism: PrivacyMechanism) -> PrivacyHolding:
        """Charge what was run; what was not goes back."""
        return self._calls.post(f"{_holding(holder)}/commit", Settlement(mechanism=mechanism), PrivacyHolding)

    def charge_whole(self, holder: str) -> PrivacyHolding:
        """Charge the whole plan: nobody knows what was run."""
        return self._calls.post(f"{_holding(holder)}/charge-whole", None, PrivacyHolding)

    def release(self, holder: str) -> PrivacyHolding:
        """Give everything back: not one private step was run."""
        return self._calls.post(f"{_holding(holder)}/release", None, PrivacyHolding)

    def statement(self, uri: str, budget: PrivacyBudget | None = None) -> PrivacyStatement:
        """An account; without `budget` at the one that was last reserved under."""
        pairs = [("uri", uri)]
        if budget is not None:
            pairs += [("epsilon", repr(budget.epsilon)), ("delta", repr(budget.delta))]
        return self._calls.get("/v1/privacy/statement", PrivacyStatement, pairs, timeout_seconds=_LONG_SECONDS)

    def privacy_accounts(self) -> list[str]:
        """The uris of all records that have an account."""
        return self._calls.get("/v1/privacy/accounts", PrivacyAccounts).uris

    def cost(self, kind: str, uid: str) -> ObjectCost:
        """What an object has cost so far."""
        return self._calls.get("/v1/costs", ObjectCost, [("kind", kind), ("uid", uid)])

    def tenant_costs(self) -> list[TenantCost]:
        """What each tenant owes for the current month so far."""
        return self._calls.get("/v1/tenant-costs", TenantCosts).costs

    def active_keys(self) -> dict[str, int]:
        """How many active keys each tenant has that ever had one."""
        return {keys.tenant: keys.active for keys in self.list_keys()}

    def list_keys(self, tenant: str | None = None) -> list[TenantKeys]:
        """The keys of a tenant, or of all that ever had one."""
        if tenant is not None:
            return [self._calls.get(f"/v1/tenants/{quote(tenant, safe='')}/keys", TenantKeys)]
        return self._calls.get("/v1/keys", AllKeys).tenants

    def create_key(self, tenant: str, lifetime_seconds: int | None = None) -> CreatedKey:
        """Make a key; it is whole only here. Never tried twice: a key whose answer was lost is to be revoked."""
        asked = KeyRequest(lifetime_seconds=lifetime_seconds)
        return self._calls.post(f"/v1/tenants/{quote(tenant, safe='')}/keys", asked, CreatedKey, again=False)

    def revoke_key(self, given: str) -> RevokedKey:
        """End a key by its prefix (of a whole key only the prefix is sent)."""
        return self._calls.post(f"/v1/keys/{quote(prefix_of(given), safe='')}/revoke", None, RevokedKey)

    def invoice(self, tenant: str, period: str, format_: str = "json") -> bytes:
        """The invoice for a month (`2026-11`) as table, json or focus."""
        return self._calls.get_bytes(f"/v1/invoices/{quote(tenant, safe='')}", [("period", period), ("format", format_)], _LONG_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def _post(self, events: list[UsageEvent], on_conflict: Literal["SetAside", "Refuse"]) -> EventReceipt:
        batch = EventBatch.model_construct(events=events, on_conflict=on_conflict)
        return self._calls.post("/v1/events", batch, EventReceipt)


AnyLedger: TypeAlias = "RemoteLedger | Ledger"


def open_ledger(url: str, busy_seconds: float = 30.0) -> AnyLedger:
    """The service at an http(s) URL, with the token that the environment names, else the database at a SQLAlchemy URL.

    `busy_seconds`: how long to wait for an answer, or for a lock. Raises InvalidInput; of a database also Unavailable.
    """
    if url.startswith(("http://", "https://")):
        file, token = os.environ.get(TOKEN_FILE_VARIABLE), os.environ.get(TOKEN_VARIABLE)
        seconds = max(busy_seconds, _SERVICE_SECONDS)
        return RemoteLedger(url, Path(file) if file else None, None if file else token, seconds)
    from moorage_billing.ledger import Ledger  # SQLAlchemy, which a pod that talks to the service does not need

    return Ledger(url, busy_seconds)


def _holding(holder: str) -> str:
    return f"/v1/privacy/holdings/{quote(holder, safe='/')}"


def _batches(events: Iterable[UsageEvent]) -> Iterator[list[UsageEvent]]:
    waiting = iter(events)
    while batch := list(islice(waiting, MAX_EVENTS)):
        yield batch
