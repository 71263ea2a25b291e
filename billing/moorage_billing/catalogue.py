"""What the ledger knows of tenants and plans: a new version for each change, none ever lost; and what follows from it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, func, insert, select

from moorage_api.access_policy import AccessPolicy, ApiKey, TenantAccess
from moorage_api.clock import moment
from moorage_api.errors import InvalidInput, Problem
from moorage_api.ledger_api import Catalogue
from moorage_api.meta import ObjectMeta
from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_billing.database import Database
from moorage_billing.schema import catalogue_versions

_Resource = TypeVar("_Resource", Tenant, PricePlan)
DEAD_KEYS_SHOWN = timedelta(days=1)
"""For so long replicas can say that a key was revoked or has expired, rather than that they do not know it."""


@dataclass(frozen=True)
class KnownCatalogue:
    """A catalogue and its revision; 0 where there was none as yet."""

    revision: int
    catalogue: Catalogue

    def tenant(self, name: str) -> Tenant:
        """Raises InvalidInput if there is none of that name."""
        found = next((t for t in self.catalogue.tenants if t.metadata.name == name), None)
        if found is None:
            fix = "apply the Tenant; the operator tells the ledger within seconds"
            raise InvalidInput(Problem("there is no such Tenant in the ledger's catalogue", "", "tenant", name, fix))
        return found

    def plan_of(self, tenant: Tenant) -> PricePlan:
        """Raises InvalidInput if it is not there."""
        found = next((p for p in self.catalogue.plans if p.metadata.name == tenant.spec.plan), None)
        if found is None:
            fix = "apply the PricePlan; the operator tells the ledger within seconds"
            raise InvalidInput(
                Problem("there is no such PricePlan in the ledger's catalogue", tenant.ref, "spec.plan", tenant.spec.plan, fix)
            )
        return found


class CatalogueLedger:
    """The catalogue in the ledger's database; safe for any number of processes and threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last = KnownCatalogue(0, Catalogue())

    def put(self, catalogue: Catalogue) -> tuple[int, bool]:
        """Make it what is known now. Returns its revision and whether that is new. Raises Unavailable."""
        document = canonical(catalogue)
        with self._database.write() as connection:
            revision = _revision(connection)
            if revision and _document(connection, revision) == document:
                return revision, False
            connection.execute(insert(catalogue_versions), {"document": document, "recorded_us": time.time_ns() // 1000})
            return _revision(connection), True

    def current(self) -> KnownCatalogue:
        """What was put last. Raises Unavailable."""
        with self._database.read() as connection:
            revision = _revision(connection)
            if revision == self._last.revision:
                return self._last
            document = _document(connection, revision)
        self._last = KnownCatalogue(revision, Catalogue.model_validate_json(document, by_alias=True, by_name=False))
        return self._last


def canonical(catalogue: Catalogue) -> str:
    """The same text for the same tenants and plans, whatever their order, status, labels and generation. Pure."""
    bare = Catalogue(tenants=_bare(catalogue.tenants), plans=_bare(catalogue.plans))
    return json.dumps(bare.to_wire(), sort_keys=True, separators=(",", ":"))


def access_policy(known: KnownCatalogue, keys: dict[str, list[ApiKey]], tenants: Iterable[str] | None, now: datetime) -> AccessPolicy:
    """What replicas have to know of `tenants` (None: of all). Pure.

    A tenant that left the catalogue is left out: its keys open nothing. Keys long dead are left out, so that the policy
    does not grow with every rotation.
    """
    wanted = None if tenants is None else set(tenants)
    chosen = [t for t in known.catalogue.tenants if wanted is None or t.metadata.name in wanted]
    return AccessPolicy(
        tenants=[
            TenantAccess(
                name=t.metadata.name,
                keys=[key for key in keys.get(t.metadata.name, []) if not _long_dead(key, now)],
                rate_limit=t.spec.rate_limit,
            )
            for t in sorted(chosen, key=lambda t: t.metadata.name)
        ]
    )


def _long_dead(key: ApiKey, now: datetime) -> bool:
    ends = [moment(end) for end in (key.revoked_at, key.expires_at) if end is not None]
    return bool(ends) and min(ends) + DEAD_KEYS_SHOWN < now


def _bare(resources: list[_Resource]) -> list[_Resource]:
    bare = []
    for resource in sorted(resources, key=lambda r: r.metadata.name):
        old = resource.metadata
        metadata = ObjectMeta(name=old.name, uid=old.uid, creation_timestamp=old.creation_timestamp)
        bare.append(resource.model_copy(update={"metadata": metadata, "status": None}))
    return bare


def _revision(connection: Connection) -> int:
    return connection.scalar(select(func.max(catalogue_versions.c.sequence))) or 0


def _document(connection: Connection, revision: int) -> str:
    document: str = connection.execute(select(catalogue_versions.c.document).where(catalogue_versions.c.sequence == revision)).scalar_one()
    return document
