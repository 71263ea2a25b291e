"""The cache: newer wins whatever the order, what is gone stays gone, children are found by their owner."""

from __future__ import annotations

from typing import Any

from moorage_api.tenant import Tenant
from moorage_operator import names
from moorage_operator.cache import TOMBSTONES, Cache


def _pod(name: str = "p", version: int = 1, uid: str = "pod-uid", **more: Any) -> dict[str, Any]:
    labels = {names.UID: "owner", names.KIND: "TrainingJob", names.NAME: "digits"}
    metadata = {"name": name, "namespace": "default", "uid": uid, "resourceVersion": str(version), "labels": labels, "managedFields": [1]}
    container = {"name": "ray", "image": "x", "env": [{"name": "A"}], "resources": {"limits": {"cpu": "1"}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}, **more}


def test_the_newer_version_stays_whatever_the_order() -> None:
    cache = Cache()
    assert cache.put(_pod(version=7))
    assert not cache.put(_pod(version=6))
    assert not cache.put(_pod(version=7))
    found = cache.get("Pod", "default", "p")
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "7"


def test_a_late_event_does_not_bring_back_what_is_gone_but_another_object_of_the_name_may_come() -> None:
    cache = Cache()
    cache.put(_pod(version=1))
    cache.remove(_pod(version=2))
    assert not cache.put(_pod(version=3))
    assert cache.get("Pod", "default", "p") is None
    assert cache.owned("Pod", "owner") == []
    assert cache.put(_pod(version=4, uid="another"))


def test_a_removal_of_the_former_object_leaves_its_successor() -> None:
    cache = Cache()
    cache.put(_pod(version=1))
    cache.put(_pod(version=5, uid="another"))
    cache.remove(_pod(version=2))
    found = cache.get("Pod", "default", "p")
    assert found is not None
    assert found["metadata"]["uid"] == "another"
    assert [body["metadata"]["uid"] for body in cache.owned("Pod", "owner")] == ["another"]


def test_children_are_found_by_owner_in_order_of_their_names() -> None:
    cache = Cache()
    for name in ("b", "a", "c"):
        cache.put(_pod(name=name, uid=name))
    assert [body["metadata"]["name"] for body in cache.owned("Pod", "owner")] == ["a", "b", "c"]


def test_what_nobody_reads_is_not_kept() -> None:
    cache = Cache()
    cache.put(_pod())
    found = cache.get("Pod", "default", "p")
    assert found is not None
    assert "managedFields" not in found["metadata"]
    assert found["spec"]["containers"] == [{"name": "ray", "resources": {"limits": {"cpu": "1"}}}]


def test_the_graves_are_bounded() -> None:
    cache = Cache()
    for number in range(TOMBSTONES + 10):
        cache.remove(_pod(uid=str(number)))
    assert len(cache._gone) == TOMBSTONES


def test_a_resource_is_parsed_once_a_version_and_an_invalid_one_is_none() -> None:
    cache = Cache()
    body = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "harbour", "uid": "u", "resourceVersion": "1"},
        "spec": {"plan": "standard"},
    }
    cache.put(body)
    first = cache.resource("Tenant", None, "harbour")
    assert isinstance(first, Tenant)
    assert cache.resource("Tenant", None, "harbour") is first
    cache.put({**body, "metadata": {**body["metadata"], "resourceVersion": "2"}, "spec": {"plan": 7}})
    assert cache.resource("Tenant", None, "harbour") is None
    assert cache.resources("Tenant") == []
