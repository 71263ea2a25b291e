"""Privacy of a TrainingJob on a cluster: the finalizer, the admission, the settlement; and the ends that settle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.operator.training_job.observed import (
    FINALIZER,
    FIRST_WRITES,
    HEAD,
    MECHANISM,
    condition,
    dataset,
    decide,
    job,
    ray_job,
    report,
    reserved,
    running,
    seen,
    started,
    states,
    words,
    written,
)

from moorage_operator import plan as plans

PRIVATE = {"privacy": {"epsilon": 4, "delta": 1e-5}}
OVER = replace(HEAD, over=True)
BUDGETED = job(started(), **PRIVATE)
ASKING = job(started(conditions=[condition("BudgetReserved", "Unknown", "Asking")]), **PRIVATE)
PLANNED = report("Planned", steps=0)


def private(of=BUDGETED, said=PLANNED, **what):
    return running(of, said=said, datasets=(dataset(),), finalizers=FINALIZER, **what)


def test_the_finalizer_comes_before_anything_runs():
    of = job(**PRIVATE)
    assert words(decide(seen(of, (dataset(),)))) == ["finalizers moorage.dev/privacy"]
    assert words(decide(seen(of, (dataset(),), finalizers=FINALIZER))) == FIRST_WRITES
    assert words(decide(seen(of, (dataset(),), finalizers=("somebody.else/s",)))) == ["finalizers somebody.else/s,moorage.dev/privacy"]


def test_an_inline_uri_of_budgeted_records_is_under_their_budget():
    assert words(decide(seen(job(**PRIVATE), (dataset(uri="SKLEARN://digits/"),)))) == ["finalizers moorage.dev/privacy"]


@pytest.mark.parametrize(
    ("observed", "actions", "state"),
    [
        pytest.param(private(said=report("Training", steps=3), holding=reserved()), ["status"], "Unknown/WaitingForPlan", id="not asked"),
        pytest.param(private(), ["status", "reserve"], "Unknown/Asking", id="planned"),
        pytest.param(private(ASKING), ["status", "reserve"], "Unknown/Asking", id="no answer yet"),
        pytest.param(private(refusal="of long ago"), ["status", "reserve"], "Unknown/Asking", id="an old refusal is no answer"),
        pytest.param(private(ASKING, holding=reserved()), ["status", "apply ConfigMap"], "True/Reserved", id="granted"),
        pytest.param(private(ASKING, refusal="too much"), ["status", "apply ConfigMap"], "False/BudgetExceeded", id="refused"),
        pytest.param(private(ASKING, holding=reserved(9)), ["status", "reserve"], "Unknown/Asking", id="holds another plan"),
        pytest.param(private(ASKING, holding=reserved(state="Released")), ["status", "reserve"], "Unknown/Asking", id="released before"),
    ],
)
def test_admission(observed, actions, state):
    plan = decide(observed)
    assert words(plan) == actions
    assert states(plan)["BudgetReserved"] == state


def test_what_is_reserved_is_the_plan_in_the_records_account():
    reserve = next(a for a in decide(private()).actions if isinstance(a, plans.Reserve))
    assert (reserve.uri, reserve.label, reserve.job_ref) == ("sklearn://digits", "Dataset team-a/d", "TrainingJob team-a/digits")
    assert (reserve.mechanism, reserve.budget.epsilon) == (MECHANISM, 8)
    assert reserve.holder == f"{BUDGETED.metadata.uid}/{BUDGETED.status.run}"


def test_an_answer_names_the_attempt_and_the_plan():
    of = job(started(attempts=1, conditions=[condition("BudgetReserved", "True", "Reserved")]), **PRIVATE)
    plan = decide(private(of, said=report("Planned", steps=0, attempt=2), holding=reserved()))
    apply = next(a for a in plan.actions if isinstance(a, plans.Apply))
    assert '"granted":true' in apply.manifests[0]["data"]["admission.json"]
    assert '"attempt":2' in apply.manifests[0]["data"]["admission.json"]
    assert '"steps":10' in apply.manifests[0]["data"]["admission.json"]


def test_a_job_that_is_refused_ends_with_the_ledgers_words():
    plan = decide(private(ASKING, refusal="too much"))
    assert states(plan)["Succeeded"] == "False/PrivacyBudgetExceeded"
    assert next(c["message"] for c in written(plan)["conditions"] if c["type"] == "Succeeded") == "too much"


def ended(**status):
    return job(started(conditions=[condition("Succeeded", "False", "Internal", 10)], **status), **PRIVATE)


TRAINED = {"privacy": {"epsilonSpent": 1.0, "delta": 1e-5, "accountant": "PRV", "mechanism": {**MECHANISM.to_wire(), "steps": 7}}}


@pytest.mark.parametrize(
    ("observed", "actions"),
    [
        pytest.param(private(ended(), said=report("Succeeded", steps=10), holding=reserved()), ["settle 10"], id="as it was run"),
        pytest.param(private(ended(), said=report("Failed", "Internal", steps=4), holding=reserved()), ["settle 4"], id="as far as it ran"),
        pytest.param(
            private(ended(**TRAINED), said=report("Failed", "Internal", steps=4), holding=reserved()),
            ["settle 7"],
            id="what was known",
        ),
        pytest.param(private(ended(), said=report("Failed", "InvalidInput"), holding=reserved()), ["settle 0"], id="before the first step"),
        pytest.param(
            private(ended(attempts=1), said=report("Failed", "Internal", attempt=2), holding=reserved()), ["settle whole"], id="who knows"
        ),
        pytest.param(private(ended(), said=report("Training", steps=4), holding=reserved()), ["delete RayJob"], id="its pods may go on"),
        pytest.param(
            private(ended(), said=report("Training", steps=4), holding=reserved(), with_={"deleting": True}), [], id="wait for the pods"
        ),
        pytest.param(
            seen(ended(), (dataset(),), finalizers=FINALIZER, holding=reserved(), pods=(OVER,)),
            ["settle whole"],
            id="no last word",
        ),
        pytest.param(private(ended(), said=None, deployment="Failed", holding=reserved(state="Committed")), ["finalizers "], id="settled"),
        pytest.param(private(ended(), said=None, deployment="Failed", holding=None), ["finalizers "], id="never held anything"),
    ],
)
def test_settlement(observed, actions):
    settled = [word for word in words(decide(observed)) if word != "status"]
    assert settled == actions


EDITED = job(started(run="1-0123456789abcdef", activeSeconds=3.0), generation=2, **PRIVATE)


def test_an_edited_job_ends_and_settles_its_run_before_the_next():
    old = ray_job(EDITED, run="1-0123456789abcdef")
    common = {"datasets": (dataset(),), "finalizers": FINALIZER, "holding": reserved()}
    plan = decide(seen(EDITED, ray_job=old, pods=(HEAD,), **common))
    assert words(plan) == ["status", "delete RayJob"]
    assert states(plan)["Running"] == "False/Superseded"
    assert words(decide(seen(EDITED, ray_job=replace(old, deleting=True), pods=(HEAD,), **common))) == ["status"]
    assert words(decide(seen(EDITED, pods=(HEAD,), **common))) == ["status"]
    settle = decide(seen(EDITED, pods=(OVER,), **common))
    assert words(settle) == ["status", "settle whole"]
    assert next(a for a in settle.actions if isinstance(a, plans.Settle)).holder.endswith("/1-0123456789abcdef")
    fresh = decide(seen(EDITED))
    assert written(fresh)["run"].startswith("2-")
    assert (written(fresh)["attempts"], written(fresh)["activeSeconds"]) == (0, 0.0)
    assert "rayJobName" not in written(fresh)


@pytest.mark.parametrize(
    ("observed", "actions"),
    [
        pytest.param(private(deleting=True), ["delete RayJob"], id="mid-run"),
        pytest.param(private(deleting=True, with_={"deleting": True}), [], id="KubeRay is at it"),
        pytest.param(seen(BUDGETED, deleting=True, finalizers=FINALIZER, holding=reserved(), pods=(HEAD,)), [], id="pods"),
        pytest.param(
            seen(BUDGETED, deleting=True, finalizers=FINALIZER, holding=reserved()),
            ["settle whole", "finalizers "],
            id="no last word",
        ),
        pytest.param(
            seen(
                BUDGETED, deleting=True, finalizers=("x", *FINALIZER), holding=reserved(), report=report("Failed", "Unavailable", steps=4)
            ),
            ["settle 4", "finalizers x"],
            id="stopped",
        ),
        pytest.param(seen(BUDGETED, deleting=True, finalizers=FINALIZER), ["finalizers "], id="nothing held"),
        pytest.param(seen(deleting=True), [], id="nothing to do"),
        pytest.param(running(deleting=True, with_={"owner_uid": "another"}), [], id="another's RayJob stays"),
    ],
)
def test_a_job_that_is_being_deleted_is_only_let_go(observed, actions):
    assert words(decide(observed)) == actions
