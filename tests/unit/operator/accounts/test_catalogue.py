"""What the ledger is told of tenants and plans, and when."""

from __future__ import annotations

from typing import Any

from moorage_api.base import API_VERSION
from moorage_operator.accounts.catalogue import catalogue, decide_catalogue, digest_of
from moorage_operator.cache import Cache


def body(kind: str, name: str, version: int = 1, **more: Any) -> dict[str, Any]:
    spec = {"Tenant": {"plan": "standard"}, "PricePlan": {"currency": "EUR", "free": True}}[kind]
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version), "creationTimestamp": "2026-11-22T12:00:00Z"}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata | {"generation": version}, "spec": spec, **more}


def cache_of(*bodies: dict[str, Any]) -> Cache:
    cache = Cache()
    for one in bodies:
        cache.put(one)
    return cache


def test_everything_in_order_without_what_prices_nothing() -> None:
    cache = cache_of(body("Tenant", "b", status={"activeKeys": 2}), body("Tenant", "a"), body("PricePlan", "standard"))
    found = catalogue(cache)
    assert [t.metadata.name for t in found.tenants] == ["a", "b"]
    assert [p.metadata.name for p in found.plans] == ["standard"]
    assert found.tenants[1].status is None
    assert found.tenants[1].metadata.creation_timestamp == "2026-11-22T12:00:00Z"


def test_it_is_put_after_a_start_and_when_it_changes() -> None:
    cache = cache_of(body("Tenant", "a"), body("PricePlan", "standard"))
    found = catalogue(cache)
    assert decide_catalogue(found, None)
    assert not decide_catalogue(found, digest_of(found))
    cache.put(body("Tenant", "a", 2, status={"activeKeys": 1}))
    assert not decide_catalogue(catalogue(cache), digest_of(found))
    cache.put(body("Tenant", "a", 3, spec={"plan": "gold"}))
    assert decide_catalogue(catalogue(cache), digest_of(found))
    cache.remove(body("Tenant", "a", 4))
    assert catalogue(cache).tenants == []


def test_one_that_cannot_be_read_stays_as_the_ledger_knows_it() -> None:
    known = catalogue(cache_of(body("Tenant", "a"), body("Tenant", "gone")))
    cache = cache_of(body("Tenant", "a", 2, spec={"plan": ["?"]}), body("Tenant", "b"))
    assert [t.metadata.name for t in catalogue(cache).tenants] == ["b"]
    assert catalogue(cache, known).tenants == [known.tenants[0], *catalogue(cache).tenants]
