"""What the ledger has to know of Tenants and PricePlans, and when it has to be told. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TypeVar

from moorage_api.ledger_api import Catalogue
from moorage_api.meta import ObjectMeta
from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_operator.cache import Cache

_Resource = TypeVar("_Resource", Tenant, PricePlan)


def catalogue(cache: Cache, known: Catalogue | None = None) -> Catalogue:
    """Every Tenant and PricePlan by name, without status: the ledger prices and admits by them.

    One that cannot be read (written past the API server's checks) stays as it is in `known`, what the ledger was told before:
    left out, its keys would open nothing and its use could not be billed. The cache must have seen everything.
    """
    known = known or Catalogue()
    return Catalogue(
        tenants=_all(cache, "Tenant", Tenant, known.tenants),
        plans=_all(cache, "PricePlan", PricePlan, known.plans),
    )


def decide_catalogue(wanted: Catalogue, put_digest: str | None) -> bool:
    """Whether it is to be put to the ledger. `put_digest`: of what this process put last; None after a start: put it again."""
    return digest_of(wanted) != put_digest


def digest_of(wanted: Catalogue) -> str:
    """Equal for equal tenants and plans."""
    return hashlib.sha256(json.dumps(wanted.to_wire(), sort_keys=True).encode()).hexdigest()


def _all(cache: Cache, kind: str, model: type[_Resource], known: Iterable[_Resource]) -> list[_Resource]:
    found = {resource.metadata.name: _bare(resource) for resource in cache.resources(kind) if isinstance(resource, model)}
    present = {body["metadata"]["name"] for body in cache.all(kind)}
    unreadable = {resource.metadata.name: resource for resource in known if resource.metadata.name in present - found.keys()}
    return [resource for _, resource in sorted({**found, **unreadable}.items())]


def _bare(resource: _Resource) -> _Resource:
    """Without what changes often and prices nothing. The creation is kept: annual fees fall due on its anniversaries."""
    old = resource.metadata
    metadata = ObjectMeta(name=old.name, uid=old.uid, creation_timestamp=old.creation_timestamp)
    return resource.model_copy(update={"metadata": metadata, "status": None})
