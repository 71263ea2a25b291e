"""Buckets sum to the lifetime, and who reads again adds nothing."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from moorage_api.run_config import JobIdentity
from moorage_api.run_report import WorkerLifetime
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.compute_usage import BUCKET_SECONDS, lifetime_quantity, pod_usage, training_usage
from moorage_billing.instant import micros_of, timestamp_of

JOB = JobIdentity(namespace="default", name="digits", uid="u1", generation=1, tenant="acme")
START_US = micros_of("2026-11-30T23:50:00Z")
moments = st.integers(0, 1500 * 10**6).map(lambda offset: START_US + offset)


def read(cpus: float, gpus: float, start: int, seen: int, finished: bool, now: int) -> list[UsageEvent]:
    worker = WorkerLifetime(
        worker="0/0", cpus=cpus, gpus=gpus, started_at=timestamp_of(start), last_seen_at=timestamp_of(seen), finished=finished
    )
    return training_usage(JOB, [worker], timestamp_of(now))


@given(st.sampled_from([0.0, 0.1, 0.333333, 1.0, 2.5, 64.0]), st.integers(0, 8).map(float), st.lists(moments, min_size=2, max_size=8))
def test_buckets_read_again_and_again_sum_to_the_lifetime(cpus: float, gpus: float, times: list[int]) -> None:
    start, *seen = sorted(times)
    by_id: dict[str, UsageEvent] = {}
    for moment in seen:
        for event in read(cpus, gpus, start, moment, False, moment):
            assert by_id.setdefault(event.id, event) == event
    for _ in range(2):
        for event in read(cpus, gpus, start, seen[-1], True, seen[-1]):
            assert by_id.setdefault(event.id, event) == event
    total: Counter[str] = Counter()
    for event in by_id.values():
        total.update(event.quantities)
        assert micros_of(event.time) % (BUCKET_SECONDS * 10**6) == 0
    end = timestamp_of(seen[-1])
    assert total["TrainingCpuSeconds"] == lifetime_quantity(cpus, timestamp_of(start), end)
    assert total["TrainingGpuSeconds"] == lifetime_quantity(gpus, timestamp_of(start), end)


@given(moments, moments, moments, moments)
def test_use_never_shrinks_as_time_goes_on(a: int, b: int, c: int, d: int) -> None:
    start, early, late, now = sorted((a, b, c, d))
    before = {e.id: e for e in read(2.0, 1.0, start, early, False, early)}
    after = {e.id: e for e in read(2.0, 1.0, start, late, True, now)}
    assert before.items() <= after.items()


@given(st.sampled_from([0.25, 0.333333, 64.0]), st.integers(0, 8).map(float), moments, moments, moments)
def test_a_pod_is_billed_by_the_same_buckets_and_may_skip_what_is_known(cpus: float, gpus: float, a: int, b: int, c: int) -> None:
    start, since, end = sorted((a, b, c))
    subject = Subject(kind="ModelService", namespace="default", name="digits", uid="u2")

    def events(since: str | None = None) -> list[UsageEvent]:
        return list(pod_usage("p1", subject, "acme", cpus, gpus, timestamp_of(start), timestamp_of(end), True, since))

    whole = events()
    assert {event.source for event in whole} <= {"Pod/p1"}
    assert [event.id for event in whole] == [event.time for event in whole] == sorted({event.time for event in whole})
    for amount, meter in ((cpus, "ServingCpuSeconds"), (gpus, "ServingGpuSeconds")):
        expected = lifetime_quantity(amount, timestamp_of(start), timestamp_of(end))
        assert sum(event.quantities.get(meter, 0) for event in whole) == expected  # type: ignore[call-overload]
    later = events(timestamp_of(since))
    assert later == [event for event in whole if micros_of(event.time) + BUCKET_SECONDS * 10**6 > since]
