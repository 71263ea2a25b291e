"""A tenant's use of one month, read as rows instead of documents, and what comes of it: the same invoice, several times as fast."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, select

from moorage_api.price_plan import MeterName, PricePlan
from moorage_api.tenant import Tenant
from moorage_api.usage import Subject
from moorage_billing.invoice import Invoice, assemble, responses_of, usage_lines
from moorage_billing.period import Period
from moorage_billing.schema import usage_events

_COLUMNS = tuple(usage_events.c[name] for name in ("kind", "namespace", "name", "uid", "code", "quantities"))


@dataclass(frozen=True)
class MonthUse:
    """used: for each meter the quantities with who caused them, in the order of time; what one object used in a row is one.

    answers: objects, HTTP statuses, and how many.
    """

    used: dict[MeterName, list[tuple[Subject, int]]]
    answers: list[tuple[Subject, int, int]]

    def invoice(self, plan: PricePlan, tenant: Tenant, period: Period) -> Invoice:
        """What `make_invoice` makes of the same events. Raises InvalidInput as it does. Pure."""
        return assemble(self.used, responses_of(self.answers), plan, tenant, period)

    def by_object(self, plan: PricePlan) -> dict[tuple[str, str], int]:
        """The cost of each object by kind and uid, in nano-units, without the subscription. Pure."""
        amounts: Counter[tuple[str, str]] = Counter()
        for line in usage_lines(self.used, plan):
            amounts[line.subject.kind, line.subject.uid] += line.amount
        return dict(amounts)


def month_use(connection: Connection, tenant: str, period: Period) -> MonthUse:
    """What the ledger holds. 100,000 events take about a second."""
    start, end = period.bounds_us
    c = usage_events.c
    query = select(*_COLUMNS).where(c.tenant == tenant, c.time_us >= start, c.time_us < end).order_by(c.time_us, c.source, c.id)
    subjects: dict[tuple[str, ...], Subject] = {}
    read: dict[str, dict[MeterName, int]] = {}  # most events are alike
    used: defaultdict[MeterName, list[tuple[Subject, int]]] = defaultdict(list)
    answers: Counter[tuple[tuple[str, ...], int]] = Counter()
    for kind, namespace, name, uid, code, text in connection.execution_options(yield_per=5000).execute(query):
        key = (kind, namespace, name, uid)
        subject = subjects.get(key) or subjects.setdefault(key, Subject(kind=kind, namespace=namespace, name=name, uid=uid))
        quantities = read.get(text)
        if quantities is None:
            quantities = read[text] = json.loads(text)
        for meter, quantity in quantities.items():
            _add(used[meter], subject, quantity)
        if code is not None:
            answers[key, code] += 1
    return MonthUse(dict(used), [(subjects[key], code, count) for (key, code), count in answers.items()])


def _add(steps: list[tuple[Subject, int]], subject: Subject, quantity: int) -> None:
    """Append a step, or lengthen the last: two steps up by one object cost what one of their sum costs."""
    if steps and steps[-1][0] is subject and steps[-1][1] > 0 and quantity > 0:
        steps[-1] = (subject, steps[-1][1] + quantity)
    else:
        steps.append((subject, quantity))
