"""Moorage's resources as tests look at them."""

from __future__ import annotations

from typing import Any

from apiserver.api import Api

from moorage_api.base import API_VERSION
from moorage_operator.plan import ObjectRef

Body = dict[str, Any]


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
