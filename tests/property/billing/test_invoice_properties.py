"""Invoices against an oracle in exact fractions."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from moorage_api.price_plan import Meter, PricePlan, Tier
from moorage_api.tenant import Tenant
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.invoice import Invoice, Period, make_invoice
from moorage_billing.money import decimal_of

TENANT = Tenant.from_wire({"metadata": {"name": "acme"}, "spec": {"plan": "pro"}})
NANO, MICRO = 10**9, 10**6
prices = st.integers(0, 10**12).map(decimal_of)


@st.composite
def meters(draw: st.DrawFn, modes: tuple[str, ...] = ("Flat", "Graduated", "Volume")) -> Meter:
    mode = draw(st.sampled_from(modes))
    bounds = [] if mode == "Flat" else sorted(draw(st.sets(st.integers(1, 50), max_size=4)))
    tiers = [Tier(up_to=b, unit_price=draw(prices)) for b in [*bounds, None]]
    return Meter(meter="Requests", mode=mode, included=draw(st.integers(0, 20)), tiers=tiers)


uses = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20 * MICRO)), max_size=12)


def bill(meter: Meter, used: list[tuple[int, int]]) -> Invoice:
    plan = PricePlan.from_wire({"metadata": {"name": "pro"}, "spec": {"currency": "EUR", "meters": [meter.to_wire()]}})
    events = [
        UsageEvent(
            source="box",
            id=f"{n:03d}",
            tenant="acme",
            subject=Subject(kind="ModelService", namespace="default", name=f"m{who}", uid=f"u{who}"),
            time=f"2026-11-{n + 1:02d}T00:00:00Z",
            quantities={"Requests": quantity},
        )
        for n, (who, quantity) in enumerate(used)
    ]
    return make_invoice(events, plan, TENANT, Period.parse("2026-11"))


def exact_tiers(meter: Meter, total: int) -> list[tuple[Fraction, Fraction]]:
    """(quantity, price) of each paid tier for a total in micro-units: the definition, in fractions."""
    billed = max(Fraction(0), Fraction(total, MICRO) - meter.included)
    bounds = [Fraction(t.up_to) if t.up_to is not None else None for t in meter.tiers]
    unit = [Fraction(t.unit_price) for t in meter.tiers]
    if meter.mode == "Volume":
        reached = next(i for i, b in enumerate(bounds) if b is None or billed <= b)
        return [(billed, unit[reached])]
    lower = Fraction(0)
    found = []
    for bound, price in zip(bounds, unit, strict=True):
        upper = billed if bound is None else min(billed, bound)
        found.append((max(Fraction(0), upper - lower), price))
        lower = bound if bound is not None else lower
    return found


@given(meters(), uses)
def test_the_total_is_each_tiers_exact_cost_rounded_half_even(meter: Meter, used: list[tuple[int, int]]) -> None:
    invoice = bill(meter, used)
    assert invoice.total == sum(round(quantity * price * NANO) for quantity, price in exact_tiers(meter, sum(q for _, q in used)))
    assert invoice.total == sum(line.amount for line in invoice.usage)


@given(meters(), uses)
def test_every_object_has_all_its_use_on_lines_each_within_a_nano_unit(meter: Meter, used: list[tuple[int, int]]) -> None:
    invoice = bill(meter, used)
    expected: Counter[str] = Counter()
    for who, quantity in used:
        expected[f"m{who}"] += quantity
    listed: Counter[str] = Counter()
    for line in invoice.usage:
        listed[line.subject.name] += line.quantity
        assert abs(line.amount - Fraction(line.quantity * line.unit_price, MICRO)) < 1
    assert listed.keys() == expected.keys()
    assert all(listed[name] == expected[name] for name in expected)


@given(meters(("Flat", "Graduated")), uses, st.integers(0, 3), st.integers(0, 20 * MICRO), st.integers(0, 12))
def test_more_use_never_costs_less(meter: Meter, used: list[tuple[int, int]], who: int, quantity: int, place: int) -> None:
    more = [*used[:place], (who, quantity), *used[place:]]
    assert bill(meter, more).total >= bill(meter, used).total


@given(meters(), uses)
def test_the_total_does_not_depend_on_who_used_it(meter: Meter, used: list[tuple[int, int]]) -> None:
    assert bill(meter, used).total == bill(meter, [(0, quantity) for _, quantity in used]).total


@given(meters(("Flat", "Graduated")), uses, st.data())
def test_what_is_corrected_away_costs_as_if_it_never_was(meter: Meter, used: list[tuple[int, int]], data: st.DataObject) -> None:
    assume(used)
    index = data.draw(st.integers(0, len(used) - 1))
    who, quantity = used[index]
    assert bill(meter, [*used, (who, -quantity)]).total == bill(meter, used[:index] + used[index + 1 :]).total


@given(meters(), st.lists(st.tuples(st.integers(0, 2), st.integers(-20 * MICRO, 20 * MICRO)), max_size=10))
def test_with_corrections_of_any_size_lines_still_add_up(meter: Meter, used: list[tuple[int, int]]) -> None:
    invoice = bill(meter, used)
    for line in invoice.usage:
        assert abs(line.amount - Fraction(line.quantity * line.unit_price, MICRO)) < 1
    by_price: Counter[tuple[int, int]] = Counter()
    for line in invoice.usage:
        by_price[line.tier, line.unit_price] += line.quantity
    assert invoice.total == sum(round(Fraction(quantity * price, MICRO)) for (_, price), quantity in by_price.items())
    assert sum(line.quantity for line in invoice.usage) == sum(q for _, q in used)
