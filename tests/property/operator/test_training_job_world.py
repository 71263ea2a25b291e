"""A TrainingJob in a world where events come in any order, processes die at any point, and people interfere: it ends well all the same."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.operator.training_job.cluster_world import SPEC, ClusterWorld, digits_world

from moorage_operator import names

Body = dict[str, Any]
STEPS = ["operator", "deliver", "kuberay", "kubelet", "driver", "meter"]
POLICY = {"backoffLimit": 2}
PEOPLE: dict[str, Body] = {
    "edit": {"optimization": {"steps": 11}},
    "edit back": {"optimization": {"steps": 10}},
    "suspend": {"runPolicy": {**POLICY, "suspend": True}},
    "resume": {"runPolicy": POLICY},
    "hurry": {"runPolicy": {**POLICY, "activeDeadlineSeconds": 5}},
}
FATES = {"fails": "Internal", "refuses": "InvalidInput", "succeeds": "Succeeded"}
ACCIDENTS = [
    "killed operator",
    "restart_operator",
    "lose_head",
    "delete_ray_job",
    "loud",
    "quiet",
    "slow pods",
    "swift pods",
    "wait",
    *PEOPLE,
    *FATES,
]
KINDS = [None, "TrainingJob", "RayJob", "Pod", "ConfigMap"]
Event = tuple[str, int]


def do(world: ClusterWorld, event: str, number: int) -> None:
    if event in PEOPLE:
        world.edit(**PEOPLE[event])
    elif event in FATES:
        world.fate = FATES[event]
    elif event == "deliver":
        world.deliver(KINDS[number % len(KINDS)])
    elif event == "kubelet":
        world.kubelet(number)
    elif event == "killed operator":
        world.operator(killed_after=number % 4)
        world.restart_operator()
    elif event in ("loud", "quiet"):
        world.quiet_death = event == "quiet"
    elif event in ("slow pods", "swift pods"):
        world.pods_end_slowly = event == "slow pods"
    elif event == "wait":
        world.pass_time([0.5, 3, 20, 90][number % 4])
    else:
        getattr(world, event)()
    world.collect_garbage()


def history_of(random: Random) -> list[Event]:
    """Mostly steps in any order, often enough everybody's so that the job gets on, and of the accidents those few of one story."""
    story = random.sample(ACCIDENTS, random.choice([0, 1, 2, 2, 3, 3, 4, 6, 10]))
    weights = random.choice([(6, 2, 1), (2, 6, 1), (1, 6, 3), (8, 0, 1)])
    found: list[Event] = []
    for _ in range(random.randrange(160)):
        sort = random.choices(["step", "round", "accident"], weights)[0]
        event = random.choice(STEPS) if sort == "step" else "round" if sort == "round" or not story else random.choice(story)
        found.append((event, random.randrange(12)))
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    return history_of(draw(st.randoms(use_true_random=True)))


thorough = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def rest(world: ClusterWorld) -> None:
    """Let it come to rest, and check that it is a rest."""
    world.deliver_all()
    world.pods_end_slowly = False
    if world.job is not None and world.job["spec"]["runPolicy"].get("suspend"):
        world.edit(**PEOPLE["resume"])
    world.run_fairly()
    assert not world.operator(), "at rest, a look changes nothing"


@thorough
@given(histories())
def test_every_run_ends_and_its_privacy_is_settled_once(history: list[Event]) -> None:
    w = digits_world()
    for event, number in history:
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
@given(histories())
def test_a_deleted_job_is_settled_and_gone(history: list[Event]) -> None:
    w = digits_world()
    for event, number in history:
        do(w, event, number)
    w.delete_job()
    w.deliver_all()
    w.pods_end_slowly = False
    w.run_fairly()
    assert w.job is None
    assert not w.all("Pod")
    assert w.ray_job is None
    assert not [holder for holder, held in w.holdings.items() if held.state == "Reserved"]
    for holder, executed in w.journal.items():
        assert w.holdings[holder].mechanism.steps >= executed


@thorough
@given(histories())
def test_a_budget_that_does_not_suffice_ends_the_job(history: list[Event]) -> None:
    w = digits_world(39)
    for event, number in history:
        do(w, event, number)
    rest(w)
    assert not w.journal
    assert w.condition("Succeeded").split("/")[0] == "False"
