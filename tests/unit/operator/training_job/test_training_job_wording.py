"""What people read of a TrainingJob: the condition Running, the status's figures, the Events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.operator.training_job.observed import HEAD, condition, decide, job, ray_job, report, running, seen, started, states, written

from moorage_api.training_job import Progress
from moorage_operator.plan import Plan, Record

TRAINING = report("Training", steps=4)
STUCK = replace(HEAD, role="worker", started_at=None, obstacle=("Unschedulable", "no node of pool gpu takes pod w: 0/3 nodes"))


def running_condition(plan: Plan) -> tuple[str, str, str]:
    return next((c["status"], c["reason"], c["message"]) for c in written(plan)["conditions"] if c["type"] == "Running")


def told(plan: Plan) -> list[str]:
    return [f"{a.type} {a.reason}: {a.message}" for a in plan.actions if isinstance(a, Record)]


@pytest.mark.parametrize(
    ("observed", "found"),
    [
        pytest.param(running(deployment="Initializing", state="", pods=(HEAD, STUCK)), ("False", *STUCK.obstacle), id="no node"),
        pytest.param(
            running(deployment="Initializing", state="", pods=(), with_={"cluster_failure": "exceeded quota"}),
            ("False", "PodsNotMade", "KubeRay cannot make the pods: exceeded quota"),
            id="no pods",
        ),
        pytest.param(running(deployment="Initializing", state=""), ("False", "Starting", "waits for its pods"), id="workers are awaited"),
        pytest.param(running(said=TRAINING, pods=(HEAD, STUCK)), ("True", "Training", STUCK.obstacle[1]), id="a worker is made anew"),
        pytest.param(running(report_problem="not JSON"), ("True", "Starting", "not JSON"), id="it writes nonsense"),
    ],
)
def test_running(observed, found):
    assert running_condition(decide(observed)) == found


def test_an_obstacle_of_another_attempts_pod_is_none():
    old = replace(STUCK, cluster="digits-before")
    assert states(decide(running(deployment="Initializing", state="", pods=(HEAD, old))))["Running"] == "False/Starting"


def test_figures():
    said = report("Training", steps=4).model_copy(update={"progress": Progress(step=4, total=10, percent=40.0)})
    status = written(decide(running(said=said, cost="1.25")))
    assert status["privacy"]["mechanism"]["steps"] == 4
    assert (status["cost"], status["rayJobName"]) == ("1.25", "digits")
    assert "model" not in status
    assert status["progress"]["percent"] == 40


def test_gates_are_judged_again():
    of = job(started(), gates=[{"metric": "accuracy", "minimum": 0.9}])
    claims = {"metrics": {"accuracy": 0.85}, "gates_passed": True}
    plan = decide(running(of, report("Succeeded").model_copy(update=claims)))
    assert states(plan)["GatesPassed"] == "False/GateFailed"
    assert [result["passed"] for result in written(plan)["gates"]] == [False]
    message = next(c["message"] for c in written(plan)["conditions"] if c["type"] == "GatesPassed")
    assert message == "accuracy 0.85 is below minimum 0.9 by 0.05"


def test_what_is_told_once():
    plan = decide(running(said=TRAINING))
    run = seen(job(started())).run
    assert told(plan) == [f"Normal Training: the run is in phase Training (run {run}, attempt 1)"]
    known = job({**written(plan), "observedGeneration": 1})
    assert decide(seen(known, ray_job=ray_job(known), report=TRAINING, pods=(HEAD,))).actions == ()


def test_bad_news_are_warnings():
    lost = decide(running(said=report("Failed", "Internal")))
    assert told(lost) == [f"Warning BackOff: why (run {seen(job(started())).run}, attempt 1)"]
    known = job(started(conditions=[condition("Running", "True", "Training")], attempts=3))
    over = decide(running(known, report("Failed", "Internal", attempt=4)))
    assert [line.split(" (")[0] for line in told(over)] == ["Warning Internal: why"]
