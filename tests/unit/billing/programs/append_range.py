"""append_range.py URL FIRST LAST: append events FIRST..LAST-1 to a ledger, seven at a time."""

import sys

from moorage_api.usage import Subject, UsageEvent
from moorage_billing.ledger import Ledger

SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")


def event(number: int) -> UsageEvent:
    quantities = {"Requests": 10**6}
    return UsageEvent(source="box", id=f"{number:06d}", tenant="acme", subject=SERVICE, time="2026-11-22T08:30:00Z", quantities=quantities)


url, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(url)
for start in range(first, last, 7):
    ledger.append([event(number) for number in range(start, min(start + 7, last))])
