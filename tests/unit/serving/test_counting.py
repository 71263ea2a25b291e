"""What is encoded and counted by hand, for speed, against the parts that do it otherwise."""

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from moorage_api.usage import Subject, UsageEvent
from moorage_serving.histogram_tally import HistogramTally
from moorage_serving.metering import EventLines
from moorage_serving.metrics import LATENCY_BUCKETS_SECONDS

SUBJECT = Subject(kind="ModelService", namespace="default", name='a "quoted" name', uid="uid-1")


@pytest.mark.parametrize(
    ("code", "rows", "quantities"),
    [(200, 3, {"Requests": 1_000_000, "RowsPredicted": 3_000_000}), (200, 0, {}), (400, 0, {}), (503, 3, {}), (299, 1, None)],
)
def test_a_line_is_the_usage_event(code, rows, quantities):
    line = EventLines("replica-1", SUBJECT).line(7, 'acme "the\nfirst"', code, rows, 1_780_000_000.25)
    assert "\n" not in line
    event = UsageEvent.model_validate_json(line)
    expected = {"Requests": 1_000_000, "RowsPredicted": 1_000_000} if quantities is None else quantities
    assert event == UsageEvent(
        source="replica-1",
        id="7",
        tenant='acme "the\nfirst"',
        subject=SUBJECT,
        time="2026-05-28T20:26:40.250000Z",
        code=code,
        quantities=expected,
    )


def test_a_tally_publishes_what_observing_one_by_one_does():
    pages = []
    for name in ("tallied", "observed"):
        registry = CollectorRegistry()
        histogram = Histogram(name, "For comparison.", buckets=LATENCY_BUCKETS_SECONDS, registry=registry)
        tally = HistogramTally(histogram)
        for value in (0.0, 0.0005, 0.00051, 0.002, 5.0, 6.0, 1e9):
            (tally if name == "tallied" else histogram).observe(value)
            tally.publish()
        lines = generate_latest(registry).decode().replace(name, "seconds").splitlines()
        pages.append([line for line in lines if "_created" not in line])
    assert pages[0] == pages[1]
    assert any(line.startswith("seconds_count 7") for line in pages[0])
