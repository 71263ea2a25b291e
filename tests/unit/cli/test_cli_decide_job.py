"""What is done about a TrainingJob, as a table of observations."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from moorage_api.clock import timestamp
from moorage_api.manifest import parse_resource
from moorage_api.meta import Condition
from moorage_api.run_report import RunReport
from moorage_api.training_job import TrainingJob, TrainingJobStatus
from moorage_cli.engine.decide_job import (
    AskAdmission,
    CountFailure,
    Finish,
    ObservedJob,
    RemoveRunFolder,
    Start,
    Stop,
    Wait,
    can_resume,
    decide_job,
    pause_seconds,
)
from moorage_cli.engine.job_status import job_status
from moorage_cli.engine.run_book import RunBook, next_try

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MECHANISM = {"samplingRate": 0.1, "noiseMultiplier": 1.0, "steps": 10}


def job(privacy=False, status=None, **policy) -> TrainingJob:
    spec = {
        "dataset": {"name": "digits"},
        "task": {"type": "TabularClassification"},
        "optimization": {"steps": 10},
        "runPolicy": policy,
        **({"privacy": {"epsilon": 4, "delta": 1e-5}} if privacy else {}),
    }
    document = {"apiVersion": "moorage.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "j", "generation": 2}, "spec": spec}
    found = parse_resource(document, "test").model_copy(update={"status": status})
    assert isinstance(found, TrainingJob)
    return found


def report(phase, failure=None, planned=False, **more) -> RunReport:
    document = {
        "phase": phase,
        "updatedAt": timestamp(NOW),
        **({"plan": {"records": 9, "evaluationRecords": 1, "steps": 10, "mechanism": MECHANISM}} if planned else {}),
        **({"failure": {"reason": failure, "message": "why"}} if failure else {}),
        **more,
    }
    return RunReport.from_wire(document)


def seen(process="Absent", *, of=None, book=None, said=None, budget=None, slot=True) -> ObservedJob:
    return ObservedJob(of or job(), budget, book or RunBook(), said, process, slot)


def ended(succeeded: str, generation: int) -> TrainingJobStatus:
    condition = Condition(
        type="Succeeded",
        status=succeeded,
        reason="R",
        last_transition_time=timestamp(NOW - timedelta(hours=1)),
        observed_generation=generation,
    )
    return TrainingJobStatus(conditions=[condition])


STARTED = RunBook(starts=1, started_at=timestamp(NOW - timedelta(seconds=30)))
FAILED = STARTED.model_copy(update={"failures": 1, "failed_at": timestamp(NOW)})


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(seen(), Start(resumed=False), id="new"),
        pytest.param(seen(slot=False), Wait("Queued", "waits for the job before it"), id="another runs"),
        pytest.param(seen(of=job(status=ended("True", 2))), Wait("Ended"), id="succeeded at this generation"),
        pytest.param(seen(of=job(status=ended("True", 1))), Start(resumed=False), id="succeeded at an older generation: retrained"),
        pytest.param(seen("Alive", book=STARTED), Wait("Running"), id="running"),
        pytest.param(seen("Alive", book=STARTED, said=report("Planned", planned=True)), Wait("Running"), id="no budget, nothing to ask"),
        pytest.param(seen("Absent", book=STARTED, said=report("Training")), Start(resumed=True), id="the engine was killed: resume"),
        pytest.param(seen("Absent", book=STARTED), Start(resumed=True), id="the engine was killed before the first report"),
        pytest.param(
            seen("Absent", book=STARTED, said=report("Failed", "Unavailable")),
            Start(resumed=True),
            id="stopped as its engine was killed",
        ),
        pytest.param(
            seen("Ended", book=STARTED, said=report("Training")), CountFailure("the training process died without a word"), id="died"
        ),
        pytest.param(seen("Ended", book=FAILED, said=report("Failed", "WorkerLost")), Wait("BackOff", "why"), id="pause before the retry"),
        pytest.param(
            seen("Ended", of=job(activeDeadlineSeconds=9), book=STARTED), CountFailure("the training process died without a word"), id="dl"
        ),
        pytest.param(seen("Alive", of=job(activeDeadlineSeconds=29), book=STARTED), Stop(), id="past the deadline"),
        pytest.param(seen("Alive", of=job(activeDeadlineSeconds=31), book=STARTED), Wait("Running"), id="before the deadline"),
        pytest.param(
            seen("Alive", of=job(activeDeadlineSeconds=31), book=STARTED.model_copy(update={"active_seconds_before": 2.0})),
            Stop(),
            id="earlier attempts count against the deadline",
        ),
    ],
)
def test_decision(observed, expected):
    assert decide_job(observed, NOW) == expected


@pytest.mark.parametrize(
    ("observed", "succeeded", "reason"),
    [
        pytest.param(seen("Ended", book=STARTED, said=report("Succeeded")), True, "Completed", id="success"),
        pytest.param(seen("Absent", book=STARTED, said=report("Succeeded")), True, "Completed", id="success unseen, engine was killed"),
        pytest.param(seen("Ended", book=STARTED, said=report("Failed", "InvalidInput")), False, "InvalidInput", id="no retry helps"),
        pytest.param(seen("Absent", book=STARTED, said=report("Failed", "InvalidInput")), False, "InvalidInput", id="refusal unseen"),
        pytest.param(seen("Ended", book=STARTED, said=report("Failed", "Unavailable")), False, "Unavailable", id="disk full"),
        pytest.param(replace(seen(), lacks="not installed here: ray"), False, "ExtraMissing", id="nothing to train with"),
        pytest.param(
            seen("Ended", of=job(backoffLimit=0), book=STARTED, said=report("Failed", "Internal")), False, "Internal", id="no retries left"
        ),
        pytest.param(
            seen("Ended", book=STARTED.model_copy(update={"stopped_for": "Deadline"}), said=report("Training")),
            False,
            "DeadlineExceeded",
            id="deadline",
        ),
        pytest.param(
            seen("Ended", book=STARTED.model_copy(update={"admission": "Denied", "refusal": "too much"}), said=report("Failed", "Refused")),
            False,
            "PrivacyBudgetExceeded",
            id="budget",
        ),
        pytest.param(seen(budget="Dataset default/digits"), False, "PrivacyRequired", id="budgeted records without privacy"),
    ],
)
def test_end(observed, succeeded, reason):
    action = decide_job(observed, NOW)
    assert isinstance(action, Finish)
    assert (action.succeeded, action.reason) == (succeeded, reason)


def test_admission_is_asked_once_an_attempt():
    asked = seen("Alive", of=job(privacy=True), book=STARTED, said=report("Planned", planned=True), budget="Dataset default/digits")
    action = decide_job(asked, NOW)
    assert isinstance(action, AskAdmission)
    assert action.mechanism.steps == 10
    granted = seen(
        "Alive",
        of=job(privacy=True),
        book=STARTED.model_copy(update={"admission": "Granted"}),
        said=report("Planned", planned=True),
        budget="Dataset default/digits",
    )
    assert decide_job(granted, NOW) == Wait("Running")


def test_retry_after_the_pause_until_the_limit():
    later = NOW + timedelta(seconds=pause_seconds(1))
    assert decide_job(seen("Ended", book=FAILED, said=report("Failed", "WorkerLost")), later) == Start(resumed=True)
    spent = FAILED.model_copy(update={"failures": 3, "failed_at": None})
    action = decide_job(seen("Ended", of=job(backoffLimit=3), book=spent, said=report("Failed", "WorkerLost")), NOW)
    assert isinstance(action, Finish)
    assert "after 4 attempts" in action.message
    assert [pause_seconds(n) for n in (1, 2, 3, 20)] == [1, 2, 4, 60]


def test_suspended_job_is_not_started():
    action = decide_job(seen(of=job(suspend=True)), NOW)
    assert isinstance(action, Wait)
    assert action.reason == "Suspended"


def test_run_folder_goes_when_its_time_has_passed():
    old = job(status=ended("True", 2), ttlSecondsAfterFinished=3600)
    assert decide_job(seen(of=old), NOW) == RemoveRunFolder()
    assert decide_job(seen(of=old), NOW - timedelta(seconds=1)) == Wait("Ended")


def test_a_fixed_point_is_reached_and_times_change_only_with_status():
    observed = seen("Alive", book=STARTED, said=report("Training"))
    first = job_status(observed, decide_job(observed, NOW), NOW)
    again = job_status(
        seen("Alive", of=job(status=first), book=STARTED, said=report("Training")), Wait("Running"), NOW + timedelta(seconds=9)
    )
    assert again == first
    over = job_status(seen("Ended", of=job(status=first), book=STARTED, said=report("Succeeded")), Finish(True, "Completed", ""), NOW)
    assert {c.type: c.status for c in over.conditions} == {
        "Accepted": "True",
        "Running": "False",
        "Succeeded": "True",
        "GatesPassed": "True",
    }


def test_what_a_failed_job_is_run_again_from():
    assert can_resume(Finish(False, "Unavailable", ""))
    assert not can_resume(Finish(False, "InvalidInput", ""))
    assert not can_resume(Finish(True, "Completed", ""))
    held = RunBook(starts=3, failures=3, holds_reservation=True)
    assert next_try(held) == RunBook(round=1, holds_reservation=True)
    assert next_try(RunBook(starts=3, settled=True)) == RunBook(round=2)
