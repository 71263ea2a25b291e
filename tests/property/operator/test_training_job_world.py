"""A TrainingJob in a world where events come in any order, processes die at any point, and people interfere: it ends well all the same."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.operator.training_job.cluster_world import JOB, NAMESPACE, ClusterWorld

from moorage_operator import names

Body = dict[str, Any]
DATASET: Body = {
    "apiVersion": "moorage.dev/v1alpha1",
    "kind": "Dataset",
    "metadata": {"name": "d", "namespace": NAMESPACE},
    "spec": {"uri": "sklearn://digits", "format": "Bundled", "privacyBudget": {"epsilon": 8, "delta": 1e-5}},
}
TENANT: Body = {
    "apiVersion": "moorage.dev/v1alpha1",
    "kind": "Tenant",
    "metadata": {"name": "t"},
    "spec": {"namespaces": [NAMESPACE], "plan": "p"},
}
PLAN: Body = {"apiVersion": "moorage.dev/v1alpha1", "kind": "PricePlan", "metadata": {"name": "p"}, "spec": {"currency": "USD", "meters": []}}
SPEC: Body = {
    "dataset": {"name": "d"},
    "task": {"type": "TabularClassification"},
    "optimization": {"steps": 10},
    "privacy": {"epsilon": 4, "delta": 1e-5},
    "gates": [{"metric": "accuracy", "minimum": 0.8}],
    "resources": {"workers": 2},
    "runPolicy": {"backoffLimit": 2},
}


def world(budget_steps: int = 10_000, **changes: Any) -> ClusterWorld:
    return ClusterWorld({**SPEC, **changes}, [DATASET, TENANT, PLAN], budget_steps)


STEPS = ["operator", "deliver", "kuberay", "kubelet", "driver", "meter"]
ACCIDENTS = [
    "killed operator",
    "restart",
    "lose head",
    "delete RayJob",
    "suspend",
    "resume",
    "edit",
    "edit back",
    "loud",
    "quiet",
    "fails",
    "refuses",
    "succeeds",
    "wait",
]


def do(world: ClusterWorld, event: str, number: int) -> None:
    policy = ((world.job or {}).get("spec") or {}).get("runPolicy", {})
    match event:
        case "operator" | "kuberay" | "kubelet" | "driver" | "meter":
            getattr(world, event)()
        case "deliver":
            kinds = [None, "TrainingJob", "RayJob", "Pod", "ConfigMap"]
            world.deliver(kinds[number % len(kinds)])
        case "killed operator":
            world.operator(killed_after=number % 4)
            world.restart_operator()
        case "restart":
            world.restart_operator()
        case "lose head":
            world.lose_head()
        case "delete RayJob":
            world.delete_ray_job()
        case "suspend":
            world.edit(runPolicy={**policy, "suspend": True})
        case "resume":
            world.edit(runPolicy={**policy, "suspend": False})
        case "edit":
            world.edit(optimization={"steps": 11})
        case "edit back":
            world.edit(optimization={"steps": 10})
        case "loud" | "quiet":
            world.quiet_death = event == "quiet"
        case "fails" | "refuses" | "succeeds":
            world.fate = {"fails": "Internal", "refuses": "InvalidInput", "succeeds": "Succeeded"}[event]
        case "wait":
            world.pass_time([0.5, 3, 20, 90][number % 4])
    world._collect_garbage()


events = st.lists(
    st.tuples(st.one_of(st.sampled_from(STEPS), st.sampled_from(STEPS), st.sampled_from(STEPS + ACCIDENTS)), st.integers(0, 11)), max_size=120
)
thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def rest(world: ClusterWorld) -> None:
    """Let it come to rest, and check that it is a rest."""
    world.deliver_all()
    policy = ((world.job or {}).get("spec") or {}).get("runPolicy", {})
    if policy.get("suspend"):
        world.edit(runPolicy={**policy, "suspend": False})
    world.run_fairly()
    assert not world.operator(), "at rest, a look changes nothing"


@thorough
@given(events)
def test_every_run_ends_and_its_privacy_is_settled_once(events: list[tuple[str, int]]) -> None:
    w = world()
    for event, number in events:
        do(w, event, number)
    rest(w)
    assert w.job is not None
    assert w.condition("Succeeded").split("/")[0] in ("True", "False")
    assert w.condition("Running") == "False/Ended"
    assert not [holder for holder, held in w.holdings.items() if held.state == "Reserved"]
    assert names.PRIVACY_FINALIZER not in w.job["metadata"].get("finalizers", [])
    assert not w.all("Pod")
    for holder, executed in w.journal.items():
        assert w.holdings[holder].mechanism.steps >= executed
    attempts = [attempt for run, attempt in w.started_attempts if run == w.job["status"]["run"]]
    assert attempts == sorted(attempts)
    assert max(attempts) <= 1 + SPEC["runPolicy"]["backoffLimit"]


@thorough
@given(events)
def test_a_deleted_job_is_settled_and_gone(events: list[tuple[str, int]]) -> None:
    w = world()
    for event, number in events:
        do(w, event, number)
    w.delete_job()
    w.deliver_all()
    w.run_fairly()
    assert w.job is None
    assert not w.all("Pod")
    assert w.ray_job is None
    assert not [holder for holder, held in w.holdings.items() if held.state == "Reserved"]
    for holder, executed in w.journal.items():
        assert w.holdings[holder].mechanism.steps >= executed


@thorough
@given(events)
def test_a_budget_that_does_not_suffice_ends_the_job(events: list[tuple[str, int]]) -> None:
    w = world(budget_steps=9)
    for event, number in events:
        do(w, event, number)
    rest(w)
    assert not w.journal
    assert w.condition("Succeeded").split("/")[0] == "False"


def test_left_alone_it_succeeds() -> None:
    w = world()
    w.run_fairly()
    assert w.condition("Succeeded") == "True/Completed"
    assert w.condition("GatesPassed") == "True/Passed"
    assert w.condition("BudgetReserved") == "True/Reserved"
    assert [h.state for h in w.holdings.values()] == ["Committed"]
    assert w.get("RayJob", JOB) is not None
