"""What objects and tenants have cost so far, for statuses and metrics: cheap to ask often, at most some seconds old.

A tenant's month is priced whole, since its objects share tiers, and kept until an event of that tenant and month
arrives. What arrived is seen by the sequence of the ledger: only rows that are new are looked at. A month that takes long is
priced again only after twenty times as long; until then the older amount is given.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection, func, select

from moorage_api.errors import InvalidInput
from moorage_api.ledger_api import ObjectCost, TenantAmount, TenantCost
from moorage_api.price_plan import PricePlan
from moorage_billing.catalogue import KnownCatalogue
from moorage_billing.database import Database
from moorage_billing.instant import timestamp_of
from moorage_billing.invoice import subscription_due
from moorage_billing.money import decimal_of, nano_of
from moorage_billing.month_use import month_use
from moorage_billing.period import Period
from moorage_billing.schema import usage_events

_log = logging.getLogger(__name__)
_MAX_MONTHS = 2000
_MAX_NEW_ROWS = 200_000
_PAUSE_FACTOR = 20.0
_Key = tuple[str, Period]
_Amounts = dict[tuple[str, str], int]


@dataclass
class _Priced:
    amounts: _Amounts
    plan: PricePlan
    finished_at: float
    took_seconds: float
    outdated: bool = False


class CostBook:
    """Amounts that follow the ledger. Safe for threads; one prices at a time."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds."""
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._months: OrderedDict[_Key, _Priced] = OrderedDict()
        self._seen = 0

    def object_cost(self, kind: str, uid: str, known: KnownCatalogue) -> ObjectCost:
        """What one object has cost, over all months and tenants.

        Raises InvalidInput if a tenant that used it, or its plan, is not in the catalogue; Unavailable.
        """
        with self._lock, self._database.read() as connection:
            self._follow(connection)
            parts = []
            for name in _tenants_of(connection, uid):
                plan = known.plan_of(known.tenant(name))
                months = [self._month(connection, name, month, plan) for month in _months_of(connection, uid, name)]
                nano = sum(amounts.get((kind, uid), 0) for amounts in months)
                parts.append(TenantAmount(tenant=name, currency=plan.spec.currency, amount=decimal_of(nano)))
        currencies = {part.currency for part in parts}
        total = decimal_of(sum(nano_of(part.amount) for part in parts)) if len(currencies) <= 1 else None
        return ObjectCost(cost=total, currency=currencies.pop() if len(currencies) == 1 else None, tenants=parts)

    def tenant_costs(self, period: Period, known: KnownCatalogue) -> list[TenantCost]:
        """What every tenant of the catalogue owes for a month so far; one whose plan is wrong is left out. Raises Unavailable."""
        costs = []
        with self._lock, self._database.read() as connection:
            self._follow(connection)
            for tenant in sorted(known.catalogue.tenants, key=lambda t: t.metadata.name):
                name = tenant.metadata.name
                try:
                    plan = known.plan_of(tenant)
                    fee = subscription_due(plan.spec.subscription, tenant, period)
                except InvalidInput as error:
                    _log.warning("no costs of a tenant: %s", error)
                    continue
                nano = sum(self._month(connection, name, period, plan).values()) + (fee.amount if fee else 0)
                costs.append(TenantCost(tenant=name, currency=plan.spec.currency, amount=decimal_of(nano), period=str(period)))
        return costs

    def _month(self, connection: Connection, tenant: str, period: Period, plan: PricePlan) -> _Amounts:
        """The cost of each object by kind and uid, in nano-units."""
        key = (tenant, period)
        priced = self._months.get(key)
        if priced is not None and priced.plan == plan:
            rested = self._clock() - priced.finished_at >= _PAUSE_FACTOR * priced.took_seconds
            if not (priced.outdated and rested):
                self._months.move_to_end(key)
                return priced.amounts
        started = self._clock()
        amounts = month_use(connection, tenant, period).by_object(plan)
        finished = self._clock()
        self._months[key] = _Priced(amounts, plan, finished, finished - started)
        self._months.move_to_end(key)
        while len(self._months) > _MAX_MONTHS:
            self._months.popitem(last=False)
        return amounts

    def _follow(self, connection: Connection) -> None:
        """Mark the months of which there are new events. `connection` sees every row up to the newest, as writers follow one another."""
        c = usage_events.c
        newest = connection.scalar(select(func.max(c.sequence))) or 0
        if newest - self._seen > _MAX_NEW_ROWS:
            self._months.clear()
        elif newest > self._seen and self._months:
            new = select(c.tenant, c.time_us).where(c.sequence > self._seen)
            for tenant, time_us in connection.execution_options(yield_per=5000).execute(new):
                priced = self._months.get((tenant, Period.containing(timestamp_of(time_us))))
                if priced is not None:
                    priced.outdated = True
        self._seen = newest


def _tenants_of(connection: Connection, uid: str) -> Iterator[str]:
    """Whoever used an object: a step through the index a tenant, however many events there are."""
    c = usage_events.c
    name = connection.scalar(select(func.min(c.tenant)).where(c.uid == uid))
    while name is not None:
        yield name
        name = connection.scalar(select(func.min(c.tenant)).where(c.uid == uid, c.tenant > name))


def _months_of(connection: Connection, uid: str, tenant: str) -> Iterator[Period]:
    """The months in which a tenant used an object: a step through the index a month."""
    c = usage_events.c
    own = select(func.min(c.time_us)).where(c.uid == uid, c.tenant == tenant)
    first = connection.scalar(own)
    while first is not None:
        month = Period.containing(timestamp_of(first))
        yield month
        first = connection.scalar(own.where(c.time_us >= month.bounds_us[1]))
