"""Looking at everything, and at a namespace that goes, where some of it may not be read."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from moorage_operator.cache import Cache
from moorage_operator.kube.client import Kube
from moorage_operator.kube.errors import Forbidden, NotFound
from moorage_operator.kube.kinds import Kind
from moorage_operator.plan import Manifest, ObjectRef
from moorage_operator.resync import resync, visit_leaving


def job(name: str, namespace: str, version: int = 1) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "moorage.dev/v1alpha1", "kind": "TrainingJob", "metadata": metadata, "spec": {}}


class Cluster:
    """What is stored, and the namespaces in which nothing may be listed or read."""

    def __init__(self, *bodies: Manifest, forbidden: tuple[str, ...] = ()) -> None:
        self.bodies, self.forbidden = bodies, forbidden

    async def get(self, ref: ObjectRef) -> Manifest:
        if ref.namespace in self.forbidden:
            raise Forbidden(f"get {ref}", 403, "Forbidden", "no")
        for body in self.bodies:
            if (body["metadata"]["namespace"], body["metadata"]["name"]) == (ref.namespace, ref.name):
                return body
        raise NotFound(f"get {ref}", 404, "NotFound", "no")

    async def list_all(self, kind: Kind, namespace: str | None = None) -> list[Manifest]:
        if namespace in self.forbidden:
            raise Forbidden(f"list {kind.plural}", 403, "Forbidden", "no")
        return [one for one in self.bodies if one["kind"] == kind.kind and one["metadata"]["namespace"] == namespace]


def kube(*bodies: Manifest, forbidden: tuple[str, ...] = ()) -> Kube:
    return cast(Kube, Cluster(*bodies, forbidden=forbidden))


def known(*bodies: Manifest) -> Cache:
    cache = Cache()
    for body in bodies:
        cache.put(body)
    return cache


def names(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["metadata"]["name"] for body in bodies]


def test_a_namespace_without_rights_is_passed_over_and_nothing_of_it_counts_as_gone(caplog: pytest.LogCaptureFixture) -> None:
    cache = known(job("kept", "closed"), job("went", "open"))
    gone = asyncio.run(resync(kube(job("came", "open"), forbidden=("closed",)), cache, ["closed", "open"]))
    assert names(gone) == ["went"]
    assert sorted(names(list(cache.all("TrainingJob")))) == ["came", "kept"]
    assert "passed over in namespace closed" in caplog.text


def test_of_a_namespace_that_goes_what_may_not_be_read_counts_as_gone() -> None:
    cache = known(job("unread", "closed"), job("elsewhere", "open"))
    changed, gone = asyncio.run(visit_leaving(kube(forbidden=("closed",)), cache, "closed"))
    assert (names(changed), names(gone)) == ([], ["unread"])


def test_of_a_namespace_that_goes_what_changed_is_told_and_the_rest_waits() -> None:
    cache = known(job("same", "going"), job("changed", "going"), job("went", "going"), job("elsewhere", "open"))
    stored = kube(job("same", "going"), job("changed", "going", 2), job("elsewhere", "open", 9))
    changed, gone = asyncio.run(visit_leaving(stored, cache, "going"))
    assert (names(changed), names(gone)) == (["changed"], ["went"])
    assert cache.get("TrainingJob", "open", "elsewhere")["metadata"]["resourceVersion"] == "1"
