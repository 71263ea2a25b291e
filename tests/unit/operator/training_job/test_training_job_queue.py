"""TrainingJobs in a queue of Kueue or Volcano, and RayJobs that somebody else suspends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from unit.operator.training_job.observed import (
    FIRST_WRITES,
    HEAD,
    NOW,
    SETTINGS,
    ago,
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
from moorage_operator.settings import OperatorSettings

QUEUED = {"resources": {"queue": "research"}, "policy": {"activeDeadlineSeconds": 600}}
VOLCANO = OperatorSettings.from_wire({**SETTINGS.to_wire(), "queueSystem": "Volcano"})


def ray_job_of(plan: plans.Plan) -> plans.Manifest:
    return next(m for a in plan.actions if isinstance(a, plans.Apply) for m in a.manifests if m["kind"] == "RayJob")


def test_kueue_holds_the_rayjob_back_by_itself():
    plan = decide(seen(job(**QUEUED)))
    made = ray_job_of(plan)
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "research"
    assert "suspend" not in made["spec"], "the field is Kueue's"
    assert "activeSince" not in written(plan), "time in the queue does not count"


def test_volcano_has_its_labels_and_no_field():
    plan = decide(seen(job(**QUEUED)), VOLCANO)
    made = ray_job_of(plan)
    assert made["metadata"]["labels"]["volcano.sh/queue-name"] == "research"
    assert made["metadata"]["labels"]["ray.io/scheduler-name"] == "volcano"
    assert made["spec"]["suspend"] is False
    assert "activeSince" in written(plan)


NOT_YET = job({"rayJobName": "digits"}, **QUEUED)
GOING = job(started(), **QUEUED)


@pytest.mark.parametrize(
    ("of", "deployment", "with_", "state", "since"),
    [
        pytest.param(NOT_YET, "", {}, "False/Queued", None, id="new"),
        pytest.param(NOT_YET, "Suspended", {}, "False/Queued", None, id="held back"),
        pytest.param(NOT_YET, "Initializing", {"started_at": NOW}, "False/Starting", ago(0), id="let go"),
        pytest.param(NOT_YET, "Running", {"started_at": NOW - timedelta(hours=1)}, "Unknown/HeadLost", ago(3600), id="let go unseen"),
        pytest.param(GOING, "Initializing", {"started_at": NOW - timedelta(seconds=119)}, "False/Starting", ago(120), id="as known"),
        pytest.param(GOING, "Initializing", {"started_at": NOW}, "False/Starting", ago(0), id="put back and let go again unseen"),
        pytest.param(GOING, "Suspending", {}, "False/Queued", None, id="put back"),
    ],
)
def test_time_counts_from_when_kuberay_began(of, deployment, with_, state, since):
    plan = decide(running(of, deployment=deployment, state="", pods=(), with_=with_))
    assert words(plan) == ["status"]
    assert states(plan)["Running"] == state
    assert written(plan).get("activeSince") == since


def test_a_job_that_is_put_back_loses_no_attempt_by_what_it_says_as_it_stops():
    stopped = running(GOING, report("Failed", "Unavailable"), (replace(HEAD, deleting=True),), deployment="Suspending")
    assert states(decide(stopped))["Running"] == "False/Queued"
    assert written(decide(stopped))["activeSeconds"] == 120
    unseen = running(GOING, report("Failed", "Unavailable"), (replace(HEAD, deleting=True),))
    assert states(decide(unseen))["Running"] == "Unknown/HeadLost", "the word of KubeRay may be on its way"
    again = running(GOING, report("Failed", "Unavailable", seconds_ago=70))
    assert states(decide(again))["Running"] == "True/Starting", "that was said by the pod before"


HALTED = {**QUEUED, "policy": {"suspend": True}}


def test_suspending_a_queued_job_gives_its_room_back_and_costs_no_attempt():
    plan = decide(running(job(started(), **HALTED)))
    assert words(plan) == ["status", "delete RayJob"], "Kueue would set a suspended one going again"
    assert "rayJobName" not in written(plan)
    halted = {"observedGeneration": 1, "activeSeconds": 120.0}
    going = {"deployment": "Running", "with_": {"deleting": True}}
    assert states(decide(running(job(halted, **HALTED), **going)))["Running"] == "False/Suspended"
    assert states(decide(running(job(halted, **QUEUED), **going)))["Running"] == "False/Starting", "set back before it was gone"
    assert states(decide(seen(job(halted, **HALTED))))["Running"] == "False/Suspended"
    again = decide(seen(job(halted, **QUEUED)))
    assert words(again) == FIRST_WRITES
    assert ray_job_of(again)["metadata"]["annotations"]["moorage.dev/attempt"] == "1"


def test_a_rayjob_that_somebody_suspends_by_hand_is_set_going():
    plan = decide(running(job(started()), deployment="Suspended", state="", pods=()))
    assert words(plan)[-1] == "apply RayJob"
    assert ray_job_of(plan)["spec"]["suspend"] is False


def test_what_goes_while_a_job_is_suspended_is_missed_when_it_goes_on():
    of = job({"rayJobName": "digits"}, dataset={"name": "d"})
    plan = decide(running(of, deployment="Suspended", state="", pods=()))
    assert words(plan) == ["status"]
    assert states(plan)["Accepted"] == "False/ReferenceMissing"
