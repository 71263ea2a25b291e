"""Cores and GPUs over time: buckets that never change and sum to the lifetime."""

from __future__ import annotations

from moorage_api.run_config import JobIdentity
from moorage_api.run_report import WorkerLifetime
from moorage_api.usage import Subject
from moorage_billing.compute_usage import lifetime_quantity, replica_usage, training_usage

JOB = JobIdentity(namespace="default", name="digits", uid="u1", generation=1, tenant="acme")
NOW = "2026-12-31T00:00:00Z"


def worker(start: str, seen: str, finished: bool, cpus: float = 2, gpus: float = 0) -> WorkerLifetime:
    return WorkerLifetime(worker="0/1", cpus=cpus, gpus=gpus, started_at=start, last_seen_at=seen, finished=finished)


def test_a_finished_worker_is_billed_to_its_last_microsecond() -> None:
    events = training_usage(JOB, [worker("2026-11-22T08:30:30Z", "2026-11-22T08:32:15.5Z", True, gpus=1)], NOW)
    assert [(e.id, e.quantities) for e in events] == [
        ("0/1/2026-11-22T08:30:00Z", {"TrainingCpuSeconds": 60_000_000, "TrainingGpuSeconds": 30_000_000}),
        ("0/1/2026-11-22T08:31:00Z", {"TrainingCpuSeconds": 120_000_000, "TrainingGpuSeconds": 60_000_000}),
        ("0/1/2026-11-22T08:32:00Z", {"TrainingCpuSeconds": 31_000_000, "TrainingGpuSeconds": 15_500_000}),
    ]
    assert {(e.source, e.tenant, e.subject.name, e.code) for e in events} == {("TrainingJob/u1", "acme", "digits", None)}


def test_a_running_worker_is_billed_by_whole_buckets_only() -> None:
    events = training_usage(JOB, [worker("2026-11-22T08:30:30Z", "2026-11-22T08:32:15Z", False)], NOW)
    assert [e.time for e in events] == ["2026-11-22T08:30:00Z", "2026-11-22T08:31:00Z"]


def test_time_after_now_waits() -> None:
    ahead = [worker("2026-11-22T08:30:00Z", "2026-11-22T08:33:00Z", True)]
    assert len(training_usage(JOB, ahead, "2026-11-22T08:31:30Z")) == 1
    assert len(training_usage(JOB, ahead, "2026-11-22T08:33:00Z")) == 3


def test_a_bucket_never_straddles_two_months() -> None:
    events = training_usage(JOB, [worker("2026-11-30T23:59:30Z", "2026-12-01T00:00:30Z", True)], NOW)
    assert [(e.time, e.quantities["TrainingCpuSeconds"]) for e in events] == [
        ("2026-11-30T23:59:00Z", 60_000_000),
        ("2026-12-01T00:00:00Z", 60_000_000),
    ]


def test_nothing_for_no_time_or_a_clock_that_went_backwards() -> None:
    assert training_usage(JOB, [worker("2026-11-22T08:30:30Z", "2026-11-22T08:30:30Z", True)], NOW) == []
    assert training_usage(JOB, [worker("2026-11-22T08:31:30Z", "2026-11-22T08:30:30Z", True)], NOW) == []
    assert lifetime_quantity(1, "2026-11-22T08:31:30Z", "2026-11-22T08:30:30Z") == 0


def test_a_replica_is_billed_alike_and_may_skip_what_is_known() -> None:
    service = Subject(kind="ModelService", namespace="default", name="digits", uid="u2")
    times = ("2026-11-22T08:30:10Z", "2026-11-22T08:32:20Z")
    whole = replica_usage(service, "acme", "r1", 0.5, 0, *times, True)
    assert sum(e.quantities["ServingCpuSeconds"] for e in whole) == lifetime_quantity(0.5, *times) == 65_000_000
    assert replica_usage(service, "acme", "r1", 0.5, 0, *times, True, since="2026-11-22T08:31:00Z") == whole[1:]
    assert replica_usage(service, "acme", "r1", 0.5, 0, *times, False) == whole[:-1]
