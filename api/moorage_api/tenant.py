"""Tenant: who pays, which namespaces are theirs, and how fast they may call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Count, Decimal, Name, Rule
from moorage_api.meta import Resource, Status
from moorage_api.unique import UniqueItems


class RateLimit(ApiModel):
    """A token bucket over all of the tenant's requests to one ModelService replica set."""

    requests_per_second: Annotated[float, Field(gt=0, le=1_000_000)]
    """The steady rate."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many requests may come at once."""


class Budget(ApiModel):
    """The most that a tenant may spend in one billing period."""

    amount: Decimal
    """In the plan's currency."""
    on_exceeded: Literal["Block", "Alert"] = "Alert"
    """Block: requests answer 402. Alert: a condition and an event."""


class TenantSpec(ApiModel):
    """Who pays, and the limits."""

    rules = (Rule.not_yet("budget"),)

    namespaces: Annotated[list[Name], Field(max_length=256), UniqueItems()] = []
    """The namespaces whose jobs and services this tenant pays for, unless they name another tenant."""
    plan: Name
    """The PricePlan."""
    rate_limit: RateLimit | None = None
    """How fast the tenant may call. Default: no limit."""
    budget: Budget | None = None
    """The spending limit."""


class TenantStatus(Status):
    """What Moorage reports."""

    active_keys: Count = 0
    """API keys that are neither revoked nor expired."""


class Tenant(Resource):
    """Who pays, which namespaces are theirs, and how fast they may call."""

    kind: Literal["Tenant"] = "Tenant"
    """The kind."""
    spec: TenantSpec
    """What the user asks for."""
    status: TenantStatus | None = None
    """What Moorage reports."""
