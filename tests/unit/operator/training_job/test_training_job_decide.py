"""What is done about a TrainingJob on a cluster, as tables of observations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from unit.operator.training_job.observed import (
    FIRST_WRITES,
    HEAD,
    NOW,
    ago,
    condition,
    dataset,
    decide,
    job,
    report,
    running,
    seen,
    started,
    states,
    words,
    written,
)

from moorage_operator import plan as plans
from moorage_operator.training_job.retry import pause_seconds

OVER = replace(HEAD, over=True)
RUNNING, PRIVATE = job(started()), {"privacy": {"epsilon": 4, "delta": 1e-5}}


@pytest.mark.parametrize(
    ("observed", "actions", "running_state"),
    [
        pytest.param(seen(), FIRST_WRITES, "False/Starting", id="new"),
        pytest.param(seen(job(policy={"suspend": True})), ["status"], "False/Suspended", id="suspended from the start"),
        pytest.param(seen(job({}), pods=(HEAD,)), ["status"], "False/EndingPods", id="a pod of the attempt before may still write"),
        pytest.param(seen(job({}), pods=(OVER,)), FIRST_WRITES, "False/Starting", id="that pod is over"),
        pytest.param(seen(job({"attempts": 1, "failedAt": ago(0.5)})), ["status"], "False/BackOff", id="pause"),
        pytest.param(seen(job({"attempts": 1, "failedAt": ago(1)})), FIRST_WRITES, "False/Starting", id="the pause is over"),
        pytest.param(running(), ["status"], "True/Starting", id="the head runs and has said nothing"),
        pytest.param(running(said=report("Training")), ["status"], "True/Training", id="training"),
        pytest.param(running(deployment="", state="", pods=()), ["status"], "False/Starting", id="KubeRay has not seen it"),
        pytest.param(running(report_map_exists=False), ["status", "apply ConfigMap"], "True/Starting", id="its report's map was deleted"),
        pytest.param(running(state=""), ["status"], "Unknown/Submitting", id="not submitted yet"),
        pytest.param(running(pods=()), ["status"], "Unknown/HeadLost", id="the head is gone, perhaps"),
        pytest.param(running(pods=(replace(HEAD, deleting=True),)), ["status"], "Unknown/HeadLost", id="the head is going"),
        pytest.param(
            running(deployment="Complete", state="SUCCEEDED", with_={"ended_at": NOW}),
            ["status"],
            "Unknown/Ending",
            id="late",
        ),
        pytest.param(running(attempt=2), ["status", "delete RayJob"], "False/Starting", id="a RayJob of no known attempt"),
        pytest.param(running(with_={"owner_uid": "another"}), ["status"], "False/NameTaken", id="somebody else's RayJob"),
    ],
)
def test_step(observed, actions, running_state):
    plan = decide(observed)
    assert words(plan) == actions
    assert states(plan)["Running"] == running_state


def test_the_ray_jobs_name_is_written_with_what_kuberay_says_of_it():
    assert "rayJobName" not in written(decide(running(job({}), deployment="", state="", pods=())))
    assert written(decide(running(job({}))))["rayJobName"] == "digits"


ONCE = job(started(attempts=1, failedAt=ago(100)))
SPENT = job(started(attempts=3, failedAt=ago(100)))
ONE_TRY = {"backoffLimit": 0}
SUSPECTED = job(started(conditions=[condition("Running", "Unknown", "HeadLost", 5)]))
SUBMITTING = job(started(conditions=[condition("Running", "Unknown", "Submitting", 300)]))


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        pytest.param(running(said=report("Failed", "Internal")), "why", id="it says so"),
        pytest.param(running(said=report("Failed", "WorkerLost")), "why", id="a lost worker"),
        pytest.param(running(said=report("Failed", "Unavailable")), "why", id="a full disk"),
        pytest.param(running(SUSPECTED, pods=()), "the head pod is gone", id="the head is gone for sure"),
        pytest.param(running(SUSPECTED, pods=(), said=report("Failed", "Unavailable")), "why", id="the head was told to go"),
        pytest.param(running(SUBMITTING, state=""), "KubeRay could not hand the job", id="never submitted"),
        pytest.param(
            running(deployment="Failed", state="FAILED", with_={"ended_at": NOW - timedelta(seconds=15), "message": "exit code 137"}),
            "the training process died without a word; Ray says: exit code 137",
            id="it died without a word",
        ),
        pytest.param(
            running(deployment="Complete", state="STOPPED", pods=(), with_={"ended_at": NOW - timedelta(seconds=15)}),
            "the training process died without a word",
            id="somebody stopped it through Ray",
        ),
        pytest.param(
            running(deployment="Complete", state="SUCCEEDED", report_problem="not JSON", with_={"ended_at": NOW - timedelta(seconds=15)}),
            "not JSON",
            id="its last report is nonsense",
        ),
        pytest.param(seen(RUNNING), "RayJob digits was deleted", id="somebody deleted the RayJob"),
    ],
)
def test_a_lost_attempt_is_counted_before_its_rayjob_is_deleted(observed, message):
    plan = decide(observed)
    assert words(plan) == ["status", "delete RayJob"] if observed.ray_job is not None else ["status"]
    assert states(plan)["Running"] == "False/BackOff"
    status = written(plan)
    assert (status["attempts"], status["failedAt"], "rayJobName" in status) == (1, "2026-11-22T12:00:00.000000Z", False)
    assert message in next(c["message"] for c in status["conditions"] if c["type"] == "Running")
    assert plan.look_again_seconds == 1


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        pytest.param(running(SPENT, said=report("Failed", "Internal", attempt=4)), "Internal", id="no retries left"),
        pytest.param(running(job(started(), policy=ONE_TRY), said=report("Failed", "WorkerLost")), "WorkerLost", id="no retries"),
        pytest.param(running(said=report("Failed", "InvalidInput")), "InvalidInput", id="no retry helps"),
        pytest.param(running(said=report("Failed", "Refused")), "Refused", id="refused by the run itself"),
        pytest.param(running(deployment="ValidationFailed", state="", pods=()), "ValidationFailed", id="KubeRay refuses it"),
        pytest.param(running(job(started(), policy={"activeDeadlineSeconds": 120})), "DeadlineExceeded", id="deadline"),
        pytest.param(
            running(job(started(activeSeconds=500.0), policy={"activeDeadlineSeconds": 620})),
            "DeadlineExceeded",
            id="in sum",
        ),
        pytest.param(
            seen(job({"attempts": 1, "failedAt": ago(0), "activeSince": ago(99)}, policy={"activeDeadlineSeconds": 99})),
            "DeadlineExceeded",
            id="in a pause",
        ),
        pytest.param(seen(job(), (dataset(),)), "PrivacyRequired", id="budgeted records without privacy"),
    ],
)
def test_failure(observed, reason):
    plan = decide(observed)
    assert words(plan) == ["status"]
    assert states(plan)["Succeeded"] == f"False/{reason}"
    assert states(plan)["Running"] == "False/Ended"
    assert states(plan)["GatesPassed"] == "Unknown/NotEvaluated"


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param(running(said=report("Succeeded")), id="Ray has not noticed yet"),
        pytest.param(running(said=report("Succeeded"), deployment="Complete", state="SUCCEEDED", pods=()), id="all is over"),
        pytest.param(running(said=report("Succeeded"), pods=()), id="the head is gone, and the work was done"),
        pytest.param(seen(RUNNING, report=report("Succeeded")), id="the RayJob is gone, and the work was done"),
        pytest.param(
            running(job(started(), policy={"activeDeadlineSeconds": 1}), said=report("Succeeded")), id="done, though past the deadline"
        ),
        pytest.param(running(job(started(), policy={"suspend": True}), said=report("Succeeded")), id="done, as it was to be suspended"),
    ],
)
def test_success(observed):
    plan = decide(observed)
    assert words(plan) == ["status"]
    assert states(plan)["Succeeded"] == "True/Completed"


def test_the_pauses_grow_up_to_a_minute():
    assert [pause_seconds(n) for n in (1, 2, 3, 20, 5000)] == [1, 2, 4, 60, 60]


def test_the_last_message_stays_through_the_pause():
    of = job({"attempts": 2, "failedAt": ago(0.5), "conditions": [condition("Running", "False", "BackOff", 0.5, "worker 3 was lost")]})
    plan = decide(seen(of))
    assert next(c["message"] for c in written(plan)["conditions"] if c["type"] == "Running") == "worker 3 was lost"
    assert plan.look_again_seconds == 1.5


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        pytest.param(seen(job(dataset={"name": "digitz"}), (dataset(),)), "ReferenceMissing", id="no such Dataset"),
        pytest.param(seen(job(dataset={"uri": "s3://bucket/x", "format": "Parquet", "columns": {"label": "y"}})), "Invalid", id="a store"),
        pytest.param(seen(job(dataset={"uri": "/home/me/x", "format": "Bundled"})), "Invalid", id="path"),
        pytest.param(seen(job(output={"uri": "/tmp/x"})), "Invalid", id="output outside the volume"),
        pytest.param(seen(job(resources={"nodePool": "tpu"})), "Invalid", id="no such pool"),
        pytest.param(seen(job(resources={"gpusPerWorker": 1})), "Invalid", id="GPUs of a pool without"),
        pytest.param(seen(job(podTemplate={"spec": {"hostNetwork": True}})), "Invalid", id="podTemplate"),
    ],
)
def test_what_is_not_accepted_waits_without_a_pod(observed, reason):
    plan = decide(observed)
    assert words(plan) == ["status"]
    assert states(plan)["Accepted"] == f"False/{reason}"
    assert states(plan)["Running"] == "False/NotAccepted"
    assert plan.look_again_seconds == 60


def test_a_reference_that_goes_while_the_job_runs_does_not_disturb_it():
    of = job(started(), dataset={"name": "d"})
    assert states(decide(running(of, said=report("Training"))))["Running"] == "True/Training"


# Suspending, editing, ending, deleting

SUSPENDED = job(started(), policy={"suspend": True})


def test_suspending_and_going_on():
    plan = decide(running(SUSPENDED, with_={"policy": "before"}))
    assert words(plan) == ["status", "apply RayJob"]
    assert next(a for a in plan.actions if isinstance(a, plans.Apply)).manifests[0]["spec"]["suspend"] is True
    assert written(plan)["activeSeconds"] == 120
    assert "activeSince" not in written(plan)
    halted = job({"rayJobName": "digits", "activeSeconds": 120.0}, policy={"suspend": True})
    assert words(decide(running(halted, deployment="Suspended", state="", pods=()))) == ["status"]
    on = job({"rayJobName": "digits", "activeSeconds": 120.0})
    assert states(decide(running(on, deployment="Suspended", state="")))["Running"] == "False/EndingPods"
    plan = decide(running(on, deployment="Suspended", state="", pods=()))
    assert words(plan) == ["status", "apply prerequisites", "apply RoleBinding", "apply RayJob"]
    assert written(plan)["activeSince"] == "2026-11-22T12:00:00.000000Z"
    assert states(plan)["Running"] == "False/Resuming"


def test_what_a_suspended_run_says_as_it_stops_is_no_failure():
    assert states(decide(running(SUSPENDED, said=report("Failed", "Unavailable"))))["Running"] == "False/Suspended"


def test_a_changed_deadline_reaches_the_rayjob_that_runs():
    plan = decide(running(job(started(activeSeconds=30.0), policy={"activeDeadlineSeconds": 600}), with_={"policy": "before"}))
    assert words(plan) == ["status", "apply RayJob"]
    assert next(a for a in plan.actions if isinstance(a, plans.Apply)).manifests[0]["spec"]["activeDeadlineSeconds"] == 570 + 60
    assert plan.look_again_seconds == 450


def test_a_run_policy_is_no_other_run():
    before, after = job(), job(policy={"backoffLimit": 9, "suspend": True, "ttlSecondsAfterFinished": 5})
    assert seen(before).run == seen(after).run
    of = job({"conditions": [condition("Succeeded", "True", "Completed")]}, policy={"backoffLimit": 9}, generation=1)
    assert words(decide(seen(of.model_copy(update={"metadata": of.metadata.model_copy(update={"generation": 5})})))) == ["status"]


def test_the_ends_of_a_rayjob():
    def over(seconds_ago: float, **policy: int):
        return job(started(conditions=[condition("Succeeded", "True", "Completed", seconds_ago)]), policy=policy)

    def left(of, deployment="Complete"):
        plan = decide(running(of, said=report("Succeeded"), deployment=deployment, pods=()))
        return [word for word in words(plan) if word != "status"]

    assert left(over(10)) == []
    assert left(over(10, ttlSecondsAfterFinished=11)) == []
    assert left(over(10, ttlSecondsAfterFinished=10)) == ["delete RayJob"]
    assert left(over(59), "Running") == [], "the driver ends by itself"
    assert left(over(60), "Running") == ["delete RayJob"]
