"""Moorage's resources as tests look at them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from apiserver.api import Api, ApiError, ref_of

from moorage_api.base import API_VERSION
from moorage_operator.kube.kinds import RESOURCES
from moorage_operator.names import MANAGED_BY
from moorage_operator.plan import ObjectRef

Body = dict[str, Any]
_WORKLOADS = (("ray.io/v1", "RayJob"), ("ray.io/v1", "RayService"), ("ray.io/v1", "RayCluster"), ("v1", "Pod"))


def stored(api: Api, kind: str, name: str, namespace: str = "default") -> Body | None:
    """The resource, or None."""
    return api.get(ObjectRef(API_VERSION, kind, name, None if kind in ("Tenant", "PricePlan") else namespace))


def condition(body: Body | None, type_: str) -> Body:
    """A condition; empty if there is none."""
    conditions = ((body or {}).get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == type_), {})


def is_true(api: Api, kind: str, name: str, type_: str, namespace: str = "default") -> bool:
    """Whether the condition holds for the present spec. Says what it is instead by failing an assertion."""
    body = stored(api, kind, name, namespace)
    found = condition(body, type_)
    assert found.get("status") == "True", (found, ((body or {}).get("status") or {}).get("conditions"))
    return bool(found["observedGeneration"] == (body or {})["metadata"]["generation"])


def remove_everything(api: Api, namespace: str | None = None) -> None:
    """Take Moorage's resources and their workloads away, in a namespace or everywhere, without anybody's consent."""
    kinds = [(kind.api_version, kind.kind, None) for kind in RESOURCES if kind.namespaced or namespace is None]
    for version, kind, labels in [*kinds, *((version, kind, f"{MANAGED_BY}=moorage") for version, kind in _WORKLOADS)]:
        with suppress(ApiError):  # KubeRay's kinds may not be there
            for body in api.list(version, kind, namespace, labels):
                with suppress(ApiError):  # gone meanwhile
                    if body["metadata"].get("finalizers"):
                        api.patch(ref_of(body), {"metadata": {"finalizers": None}})
                    api.delete(ref_of(body), gracePeriodSeconds=0)
