"""Whatever way events take to the ledger, ledger and invoice are the same."""

from __future__ import annotations

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.invoice import Period, make_invoice
from moorage_billing.ledger import Ledger
from moorage_billing.render import focus_csv, to_json

PLAN = PricePlan.from_wire(
    {
        "metadata": {"name": "pro"},
        "spec": {
            "currency": "EUR",
            "meters": [
                {
                    "meter": "Requests",
                    "mode": "Graduated",
                    "included": 2,
                    "tiers": [{"upTo": 3, "unitPrice": "0.000000333"}, {"unitPrice": "0.1"}],
                }
            ],
        },
    }
)
TENANT = Tenant.from_wire({"metadata": {"name": "acme"}, "spec": {"plan": "pro"}})


def event(number: int) -> UsageEvent:
    subject = Subject(kind="ModelService", namespace="default", name=f"m{number % 3}", uid=f"u{number % 3}")
    time = f"2026-11-{1 + number % 28:02d}T00:00:{number % 5:02d}Z"
    quantities = {"Requests": 1_000_001 * (number + 1)}
    return UsageEvent(source=f"s{number % 2}", id=str(number), tenant="acme", subject=subject, time=time, code=200, quantities=quantities)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 30).flatmap(
        lambda count: st.tuples(
            st.permutations(range(count)), st.lists(st.integers(0, count - 1), max_size=20), st.lists(st.integers(1, 7), min_size=1)
        )
    )
)
def test_duplicates_order_and_batches_change_nothing(way: tuple[list[int], list[int], list[int]]) -> None:
    order, repeated, sizes = way
    stream = [event(n) for n in [*order, *repeated]]
    with tempfile.TemporaryDirectory() as folder:
        ledger, inserted, position = Ledger(f"sqlite:///{folder}/ledger.db"), 0, 0
        while position < len(stream):
            size = sizes[position % len(sizes)]
            inserted += ledger.append(stream[position : position + size])
            position += size
        kept = list(ledger.events())
        ledger.close()
    expected = [event(n) for n in range(len(order))]
    assert inserted == len(order)
    assert sorted(kept, key=lambda e: int(e.id)) == expected
    invoice, plain = (make_invoice(events, PLAN, TENANT, Period.parse("2026-11")) for events in (kept, expected))
    assert to_json(invoice) == to_json(plain)
    assert focus_csv(invoice) == focus_csv(plain)
