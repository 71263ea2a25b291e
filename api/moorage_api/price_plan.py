"""PricePlan: what a tenant pays for each meter, and the subscription fee."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Count, Decimal, Rule
from moorage_api.meta import Resource, Status
from moorage_api.unique import UniqueItems

MeterName = Literal[
    "Requests",
    "RowsPredicted",
    "TrainingCpuSeconds",
    "TrainingGpuSeconds",
    "ServingCpuSeconds",
    "ServingGpuSeconds",
]
"""Requests: answered 2xx. RowsPredicted: rows of those. *Seconds: cores or GPUs asked for, times the seconds held."""


class Tier(ApiModel):
    """A stretch of quantity with one unit price."""

    up_to: Annotated[int, Field(ge=1, le=2**53)] | None = None
    """The last unit of the tier, counted from the first billed unit after `included`; the last tier has none."""
    unit_price: Decimal
    """The price of one unit."""


class Meter(ApiModel):
    """The price of one meter."""

    rules = (
        Rule(
            ".tiers",
            "self.mode != 'Flat' || size(self.tiers) == 1",
            lambda m: m.mode != "Flat" or len(m.tiers) == 1,
            "a Flat meter has one tier",
        ),
        Rule(
            ".tiers",
            "!has(self.tiers[size(self.tiers) - 1].upTo)",
            lambda m: m.tiers[-1].up_to is None,
            "the last tier has no upTo",
        ),
        Rule(
            ".tiers",
            "self.tiers.filter(t, has(t.upTo)).size() == size(self.tiers) - 1"
            " && self.tiers.filter(t, has(t.upTo)).map(t, t.upTo).isSorted()"
            " && self.tiers.filter(t, has(t.upTo)).all(t, self.tiers.filter(u, has(u.upTo)).filter(u, u.upTo == t.upTo).size() == 1)",
            lambda m: _ascending(m.tiers),
            "every tier but the last has an upTo above the one before",
        ),
    )

    meter: MeterName
    """What is counted."""
    mode: Literal["Flat", "Graduated", "Volume"] = "Flat"
    """Flat: one price. Graduated: each unit at its tier's price. Volume: every unit at the price of the tier that the total reaches."""
    included: Count = 0
    """Units of each billing month that cost nothing."""
    tiers: Annotated[list[Tier], Field(min_length=1, max_length=32)]
    """The prices, ascending."""


def _ascending(tiers: list[Tier]) -> bool:
    bounds = [tier.up_to for tier in tiers if tier.up_to is not None]
    return len(bounds) == len(tiers) - 1 and all(a < b for a, b in itertools.pairwise(bounds))


class Subscription(ApiModel):
    """A fee that does not depend on use."""

    fee: Decimal
    """The fee of one period, charged at the period's start."""
    period: Literal["Monthly", "Annual"] = "Monthly"
    """Annual is charged in the month of the tenant's creation and each anniversary."""


class PricePlanSpec(ApiModel):
    """Prices."""

    rules = (
        Rule(
            ".free",
            "!self.free || (!has(self.subscription) && size(self.meters) == 0)",
            lambda s: not s.free or (s.subscription is None and not s.meters),
            "a free plan has neither meters nor a subscription",
        ),
        Rule(
            ".meters",
            "self.free || has(self.subscription) || size(self.meters) > 0",
            lambda s: s.free or s.subscription is not None or bool(s.meters),
            "a plan has meters, a subscription, or free: true",
        ),
    )

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", max_length=3)]
    """ISO 4217."""
    free: bool = False
    """Everything is metered and nothing is charged."""
    subscription: Subscription | None = None
    """The fee that does not depend on use."""
    meters: Annotated[list[Meter], Field(max_length=16), UniqueItems("meter")] = []
    """Prices by meter; a meter that is not listed is metered and costs nothing."""


class PricePlanStatus(Status):
    """What Moorage reports."""

    tenants: Count = 0
    """Tenants on the plan."""


class PricePlan(Resource):
    """What a tenant pays for each meter, and the subscription fee."""

    kind: Literal["PricePlan"] = "PricePlan"
    """The kind."""
    spec: PricePlanSpec
    """What the user asks for."""
    status: PricePlanStatus | None = None
    """What Moorage reports."""
