"""What the ledger's service is asked and answers: JSON bodies over HTTP. Routes are in docs/design/ledger.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from moorage_api.access_policy import ApiKey
from moorage_api.base import ApiModel, Count, Name, Text, Timestamp, Uri
from moorage_api.dataset import PrivacyBudget
from moorage_api.price_plan import PricePlan
from moorage_api.privacy import PrivacyMechanism
from moorage_api.tenant import Tenant
from moorage_api.usage import UsageEvent

MAX_EVENTS = 5000
MAX_BODY_BYTES = 16 * 2**20

Holder = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""Who holds a part of a privacy budget, e.g. `<uid>/<run hash>`."""
Bound = Annotated[float, Field(ge=0)] | None
"""An epsilon; absent where no bound can be given."""


class ErrorDocument(ApiModel):
    """Every answer that is none of 2xx and 304."""

    error: str
    """What is wrong: object, field, value, remedy; one problem a line."""


class EventBatch(ApiModel):
    """Usage events, each of which the ledger takes once however often it comes."""

    events: Annotated[list[UsageEvent], Field(max_length=MAX_EVENTS)]
    """The events; written in one transaction."""
    on_conflict: Literal["SetAside", "Refuse"] = "SetAside"
    """An event with a known source and id and other contents. SetAside: kept for people, never billed. Refuse: nothing is written."""


class EventReceipt(ApiModel):
    """What became of a batch; what is neither was there before."""

    accepted: Count
    """Events that the ledger lacked; they are durable."""
    set_aside: Count
    """Events that conflict with the ledger."""


class Catalogue(ApiModel):
    """What is known of tenants and plans."""

    tenants: list[Tenant] = []
    """Every tenant."""
    plans: list[PricePlan] = []
    """Every plan."""

    @field_validator("tenants", "plans")
    @classmethod
    def _named_once(cls, resources: list[Any]) -> list[Any]:
        names = [resource.metadata.name for resource in resources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is given twice")
        return resources


class CatalogueReceipt(ApiModel):
    """What became of a catalogue."""

    revision: Count
    """Grows with each change."""
    changed: bool
    """Whether it differs from what was known."""


class ReservationRequest(ApiModel):
    """A run's plan against a data set's budget."""

    uri: Uri
    """The records' canonical uri, as the caller found it out; the ledger looks at no file."""
    label: Annotated[str, StringConstraints(max_length=1024)] = ""
    """What messages call the records, e.g. `Dataset default/digits`."""
    budget: PrivacyBudget
    """Theirs."""
    holder: Holder
    """The run; another run is another holder."""
    job_ref: Text
    """What messages call it, e.g. `TrainingJob default/digits`."""
    mechanism: PrivacyMechanism
    """What it plans to run."""


class Settlement(ApiModel):
    """What a run executed."""

    mechanism: PrivacyMechanism
    """Charged in place of the reservation."""


class PrivacyHolding(ApiModel):
    """What one run holds of a budget."""

    holder: Holder
    """The run."""
    job_ref: str
    """What messages call it."""
    state: Literal["Reserved", "Committed", "ChargedWhole", "Released"]
    """How it stands."""
    mechanism: PrivacyMechanism
    """What counts against the budget."""
    planned: PrivacyMechanism
    """What was reserved last."""
    overrun: bool
    """More was run than was reserved."""


class JobSpending(ApiModel):
    """One run's part of an account; the parts do not add up, the composition is less."""

    holder: str
    """The run."""
    job_ref: str
    """What messages call it."""
    state: Literal["Reserved", "Committed", "ChargedWhole", "Released"]
    """How it stands."""
    mechanism: PrivacyMechanism
    """What counts."""
    epsilon: Bound = None
    """Of its mechanism alone."""
    overrun: bool
    """More was run than was reserved."""


class PrivacyStatement(ApiModel):
    """A data set's account; epsilons are of compositions, at the budget's delta."""

    uri: str
    """The records."""
    budget: PrivacyBudget
    """As asked, or the one that was last reserved under."""
    spent: Bound = None
    """Of what was run."""
    reserved: Bound = None
    """Of that and what running jobs hold."""
    remaining: Annotated[float, Field(ge=0)]
    """The budget less `reserved`: a lower bound of what another mechanism may add."""
    overspent: bool
    """More is spent and reserved than the budget allows, as when it was lowered."""
    jobs: list[JobSpending]
    """Every run's part, in the order of first reservation."""


class PrivacyAccounts(ApiModel):
    """All records that have an account."""

    uris: list[str]
    """In order."""


class TenantAmount(ApiModel):
    """An amount of money of one tenant."""

    tenant: str
    """Who pays."""
    currency: str
    """ISO 4217, of the tenant's plan."""
    amount: str
    """A decimal string."""


class ObjectCost(ApiModel):
    """What one object has cost so far: its lines on all invoices, of every tenant that used it."""

    cost: str | None = None
    """The sum; absent where tenants pay for it in different currencies."""
    currency: str | None = None
    """ISO 4217; absent where there is no use yet, or several."""
    tenants: list[TenantAmount] = []
    """Each tenant's part."""


class TenantCost(TenantAmount):
    """What a tenant owes for a month so far."""

    period: str
    """The month in UTC, `2026-11`."""


class TenantCosts(ApiModel):
    """Every tenant of the catalogue that has a plan there."""

    costs: list[TenantCost]
    """In the order of names."""


class KeyRequest(ApiModel):
    """Another API key for a tenant."""

    lifetime_seconds: Annotated[int, Field(ge=1, le=3650 * 86400)] | None = None
    """When it ends. Default: never."""


class CreatedKey(ApiModel):
    """A key at the only moment at which it is whole."""

    key: str
    """What callers send as `Authorization: Bearer KEY`."""
    tenant: Name
    """Whose it is."""
    kept: ApiKey
    """What the ledger keeps of it."""


class KeyInfo(ApiModel):
    """What people see of a key."""

    prefix: str
    """Its public part."""
    state: Literal["active", "revoked", "expired"]
    """Whether it opens anything now."""
    created_at: Timestamp
    """When it was made."""
    expires_at: Timestamp | None = None
    """From when on it is refused. Absent: never."""
    revoked_at: Timestamp | None = None
    """Since when it is refused."""


class TenantKeys(ApiModel):
    """One tenant's keys."""

    tenant: str
    """Whose they are."""
    active: Count
    """How many open something now."""
    keys: list[KeyInfo]
    """Every key there ever was, oldest first."""


class AllKeys(ApiModel):
    """The keys of all tenants."""

    tenants: list[TenantKeys]
    """In the order of names; tenants that never had one are left out."""


class RevokedKey(ApiModel):
    """A key that opens nothing any more."""

    tenant: str
    """Whose it was."""
    key: KeyInfo
    """What is kept of it."""
