"""Prices as stretches of one number line, the quantity used in a period: which part of it costs what.

below zero      corrections beyond this period's use: given back at the price of the first paid unit
0 .. included   free
included ..     the tiers: Flat and Graduated as they stand; Volume the one tier that the total reaches
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moorage_api.price_plan import Meter
from moorage_api.usage import MICRO
from moorage_billing.fixed_point import divide_half_even
from moorage_billing.money import nano_of


@dataclass(frozen=True)
class Stretch:
    """Quantities from `lower` to `upper` (micro-units, None: unbounded) at one price (nano-units of currency per unit).

    tier: 1 for the plan's first tier, 0 for what is included or has no price.
    """

    tier: int
    lower: int | None
    upper: int | None
    price: int

    def part(self, first: int, last: int) -> int:
        """How much of the way from `first` to `last` lies in here; negative where `last` is below."""
        return self._clamp(last) - self._clamp(first)

    def _clamp(self, quantity: int) -> int:
        if self.lower is not None and quantity < self.lower:
            return self.lower
        return quantity if self.upper is None or quantity < self.upper else self.upper


def stretches(meter: Meter | None, total: int) -> list[Stretch]:
    """The prices of a meter in a period whose total is `total` micro-units; without a meter everything is free. Pure."""
    if meter is None:
        return [Stretch(0, None, None, 0)]
    included = meter.included * MICRO
    tiers = list(_tiers(meter, included, total))
    first_price = tiers[0].price
    return [Stretch(tiers[0].tier, None, 0, first_price), *([Stretch(0, 0, included, 0)] if included else []), *tiers]


def _tiers(meter: Meter, included: int, total: int) -> Iterator[Stretch]:
    lower = included
    for number, tier in enumerate(meter.tiers, 1):
        upper = None if tier.up_to is None else included + tier.up_to * MICRO
        price = nano_of(tier.unit_price)
        if meter.mode != "Volume":
            yield Stretch(number, lower, upper, price)
        elif upper is None or total <= upper:
            yield Stretch(number, included, None, price)
            return
        lower = upper if upper is not None else lower


def cost(quantity: int, price: int) -> int:
    """Nano-units for `quantity` micro-units at `price` nano-units a unit, rounded half-even."""
    return divide_half_even(quantity * price, MICRO)
