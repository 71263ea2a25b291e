"""An invoice is a pure function of events, plan, tenant and period: the same input, in any order, gives the same invoice.

Exactness. Quantities are integer micro-units, prices and amounts integer nano-units of the currency. What a tier costs
is rounded once, half-even to the nano-unit, for the quantity of all objects together; objects share it in the order of
their use, each getting the difference of two such roundings. So the lines sum to the total exactly, the total does not
depend on how use is spread over objects, and a line is less than one nano-unit from its own quantity times price.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from moorage_api.errors import InvalidInput, Problem
from moorage_api.price_plan import Meter, MeterName, PricePlan, Subscription
from moorage_api.tenant import Tenant
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.instant import micros_of
from moorage_billing.money import nano_of
from moorage_billing.period import Period as Period
from moorage_billing.tiers import cost, stretches


@dataclass(frozen=True)
class UsageLine:
    """What one object used of one meter at one price.

    tier: 1 for the plan's first tier; 0: included in the plan, or without a price.
    quantity: micro-units; negative where corrections outweigh use. unit_price, amount: nano-units of the currency.
    """

    meter: MeterName
    tier: int
    subject: Subject
    quantity: int
    unit_price: int
    amount: int


@dataclass(frozen=True)
class SubscriptionLine:
    """The plan's fee, in nano-units, for the months from the invoice's period on."""

    period: Literal["Monthly", "Annual"]
    months: int
    amount: int


@dataclass(frozen=True)
class Responses:
    """How many requests to one object were answered with which HTTP status."""

    subject: Subject
    by_code: dict[int, int]


@dataclass(frozen=True)
class Invoice:
    """What a tenant owes for a period; amounts in nano-units of `currency`. `subscription`: None where none is due."""

    id: str
    tenant: str
    plan: str
    currency: str
    period: Period
    subscription: SubscriptionLine | None
    usage: tuple[UsageLine, ...]
    responses: tuple[Responses, ...]
    issuer: str

    @property
    def total(self) -> int:
        """The sum of all lines."""
        return sum(line.amount for line in self.usage) + (self.subscription.amount if self.subscription else 0)

    @property
    def responses_by_code(self) -> dict[int, int]:
        """Requests of the tenant by HTTP status, over all objects."""
        total: Counter[int] = Counter()
        for responses in self.responses:
            total.update(responses.by_code)
        return dict(sorted(total.items()))


def make_invoice(events: Iterable[UsageEvent], plan: PricePlan, tenant: Tenant, period: Period, issuer: str = "Moorage") -> Invoice:
    """The invoice of `tenant` for `period`. Pure.

    Events of other tenants or periods are left out; each (source, id) must come once, as from the ledger. Raises
    InvalidInput if `plan` is not the tenant's, or an annual fee cannot be dated.
    """
    name = tenant.metadata.name
    start, end = period.bounds_us
    timed = [(micros_of(event.time), event) for event in events if event.tenant == name]
    ordered = sorted(((at, e) for at, e in timed if start <= at < end), key=lambda pair: (pair[0], pair[1].source, pair[1].id))
    own = [event for _, event in ordered]
    return assemble(_used(own), _responses(own), plan, tenant, period, issuer)


def assemble(
    used: Mapping[MeterName, list[tuple[Subject, int]]],
    responses: tuple[Responses, ...],
    plan: PricePlan,
    tenant: Tenant,
    period: Period,
    issuer: str = "Moorage",
) -> Invoice:
    """The invoice of a month's use, as `usage_lines` takes it. Raises InvalidInput as `make_invoice` does. Pure."""
    name = tenant.metadata.name
    if plan.metadata.name != tenant.spec.plan:
        fix = f"invoice by PricePlan {tenant.spec.plan}"
        raise InvalidInput(Problem("not this tenant's plan", tenant.ref, "spec.plan", plan.metadata.name, fix))
    return Invoice(
        id=f"{name}-{period}",
        tenant=name,
        plan=plan.metadata.name,
        currency=plan.spec.currency,
        period=period,
        subscription=subscription_due(plan.spec.subscription, tenant, period),
        usage=usage_lines(used, plan),
        responses=responses,
        issuer=issuer,
    )


def _used(events: list[UsageEvent]) -> Mapping[MeterName, list[tuple[Subject, int]]]:
    used: defaultdict[MeterName, list[tuple[Subject, int]]] = defaultdict(list)
    for event in events:
        for meter, quantity in event.quantities.items():
            used[meter].append((event.subject, quantity))
    return used


def usage_lines(used: Mapping[MeterName, list[tuple[Subject, int]]], plan: PricePlan) -> tuple[UsageLine, ...]:
    """The lines of a month's use: for each meter the quantities of its events with who caused them, in the order of time. Pure."""
    prices = {meter.meter: meter for meter in plan.spec.meters}
    lines = [line for name, steps in used.items() for line in _meter_lines(name, prices.get(name), steps)]
    return tuple(sorted(lines, key=lambda line: (line.meter, _identity(line.subject), line.tier)))


def _meter_lines(name: MeterName, meter: Meter | None, steps: list[tuple[Subject, int]]) -> list[UsageLine]:
    """The lines of one meter; `steps` are the quantities of its events in the order of time."""
    keyed = [(_identity(subject), quantity) for subject, quantity in steps]
    subjects = {key: subject for (key, _), (subject, _) in zip(keyed, steps, strict=True)}
    prices: dict[int, int] = {}
    quantities: defaultdict[int, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for stretch in stretches(meter, sum(quantity for _, quantity in steps)):
        prices[stretch.tier] = stretch.price
        position = 0
        for key, quantity in keyed:
            part = stretch.part(position, position + quantity)
            position += quantity
            if part:
                quantities[stretch.tier][key] += part
    lines = []
    for tier, shares in quantities.items():
        filled = 0
        for key, share in shares.items():
            amount = cost(filled + share, prices[tier]) - cost(filled, prices[tier])
            filled += share
            if share:
                lines.append(UsageLine(name, tier, subjects[key], share, prices[tier], amount))
    listed = {_identity(line.subject) for line in lines}
    return lines + [UsageLine(name, 0, subject, 0, 0, 0) for key, subject in subjects.items() if key not in listed]


def _identity(subject: Subject) -> tuple[str, ...]:
    return subject.kind, subject.namespace, subject.name, subject.uid


def _responses(events: list[UsageEvent]) -> tuple[Responses, ...]:
    return responses_of((event.subject, event.code, 1) for event in events if event.code is not None)


def responses_of(answers: Iterable[tuple[Subject, int, int]]) -> tuple[Responses, ...]:
    """How many answers each object gave by HTTP status, in the objects' order, from (object, status, how many). Pure."""
    counts: defaultdict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
    subjects: dict[tuple[str, ...], Subject] = {}
    for subject, code, count in answers:
        key = _identity(subject)
        subjects[key] = subject
        counts[key][code] += count
    return tuple(Responses(subjects[key], dict(sorted(counts[key].items()))) for key in sorted(counts))


def subscription_due(subscription: Subscription | None, tenant: Tenant, period: Period) -> SubscriptionLine | None:
    """The fee that falls due in `period`: each month from the tenant's first, or the month of the first and its anniversaries.

    Raises InvalidInput for an annual fee of a tenant without a date of creation.
    """
    if subscription is None:
        return None
    created = tenant.metadata.creation_timestamp
    if created is None and subscription.period == "Annual":
        fix = "apply the Tenant, which sets it, or write it in the manifest"
        raise InvalidInput(Problem("an annual fee is due on the anniversary of this", tenant.ref, "metadata.creationTimestamp", None, fix))
    first = None if created is None else Period.containing(created)
    if first is not None and (period < first or (subscription.period == "Annual" and period.month != first.month)):
        return None
    return SubscriptionLine(subscription.period, 12 if subscription.period == "Annual" else 1, nano_of(subscription.fee))
