"""What becomes of a TrainingJob when something happens to it midway, in a world with a KubeRay, pods and a driver of its own."""

from __future__ import annotations

import pytest
from unit.operator.training_job.cluster_world import ClusterWorld, digits_world
from unit.operator.training_job.object_store import JOB
from unit.operator.training_job.workload_world import MECHANISM

from moorage_operator import names


def in_training(**changes: object) -> ClusterWorld:
    """A job whose driver has taken some private steps."""
    world = digits_world(**changes)
    get_into_training(world)
    return world


def get_into_training(world: ClusterWorld) -> None:
    """Until some more private steps were taken."""
    known = sum(world.journal.values())
    for _ in range(80):
        world.round()
        world.pass_time(1)
        if sum(world.journal.values()) >= known + 6:
            return
    raise AssertionError(world.job)


def rounds(world: ClusterWorld, count: int = 15) -> None:
    for _ in range(count):
        world.round()
        world.pass_time(1)


def settled(world: ClusterWorld) -> list[str]:
    assert world.job is None or names.PRIVACY_FINALIZER not in world.job["metadata"].get("finalizers", [])
    return [f"{held.state} {held.mechanism.steps}" for held in world.holdings.values()]


def test_left_alone_it_succeeds_and_its_rayjob_stays_to_be_looked_at():
    world = digits_world()
    world.run_fairly()
    assert world.condition("Accepted") == "True/Valid"
    assert world.condition("BudgetReserved") == "True/Reserved"
    assert world.condition("Running") == "False/Ended"
    assert world.condition("Succeeded") == "True/Completed"
    assert world.condition("GatesPassed") == "True/Passed"
    assert settled(world) == ["Committed 40"]
    status = world.job["status"]
    assert status["model"]["uri"] == "/var/lib/moorage/artifacts/digits/abc"
    assert (status["attempts"], status["rayJobName"]) == (0, JOB)
    assert world.get("RayJob", JOB) is not None
    assert not world.all("Pod")


def test_a_model_that_is_not_worth_its_gates_succeeds_and_does_not_pass():
    world = digits_world(gates=[{"metric": "accuracy", "minimum": 0.95}])
    world.run_fairly()
    assert (world.condition("Succeeded"), world.condition("GatesPassed")) == ("True/Completed", "False/GateFailed")


def test_a_lost_head_is_a_lost_attempt_and_the_next_goes_on():
    world = in_training()
    executed = sum(world.journal.values())
    world.lose_head()
    world.run_fairly()
    assert world.condition("Succeeded") == "True/Completed"
    assert world.job["status"]["attempts"] == 1
    assert [attempt for _, attempt in world.started_attempts] == [1, 2]
    assert executed < sum(world.journal.values()) == MECHANISM.steps
    assert settled(world) == ["Committed 40"]


def test_heads_that_are_lost_again_and_again_end_the_job_and_cost_the_whole():
    world = digits_world()
    for _ in range(3):
        get_into_training(world)
        world.lose_head()
    world.run_fairly()
    assert world.condition("Succeeded") == "False/HeadLost"
    assert [attempt for _, attempt in world.started_attempts] == [1, 2, 3]
    assert settled(world) == ["ChargedWhole 40"]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_rayjob_that_somebody_deletes_is_made_again_once_its_pods_have_ended(quiet):
    world = in_training()
    world.pods_end_slowly, world.quiet_death = True, quiet
    world.delete_ray_job()
    rounds(world)
    assert world.condition("Running") == "False/EndingPods", "two drivers would write into one folder"
    world.pods_end_slowly = False
    world.run_fairly()
    assert world.condition("Succeeded") == "True/Completed"
    assert world.job["status"]["attempts"] == 1


@pytest.mark.parametrize(("quiet", "charged"), [(False, "Committed"), (True, "ChargedWhole")])
def test_a_deadline_ends_it_and_is_settled_once_no_pod_can_take_another_step(quiet, charged):
    world = in_training(runPolicy={"activeDeadlineSeconds": 30})
    world.pods_end_slowly, world.quiet_death = True, quiet
    world.pass_time(30)
    rounds(world)
    assert world.condition("Succeeded") == "False/DeadlineExceeded"
    assert world.holdings[f"uid-4/{world.job['status']['run']}"].state == "Reserved"
    world.pods_end_slowly = False
    world.run_fairly()
    assert settled(world)[0].split()[0] == charged


def test_it_is_suspended_and_goes_on_with_no_attempt_lost():
    world = in_training(runPolicy={"activeDeadlineSeconds": 600})
    world.edit(runPolicy={"activeDeadlineSeconds": 600, "suspend": True})
    world.run_fairly()
    assert world.condition("Running") == "False/Suspended"
    assert not world.all("Pod")
    assert not world.operator()
    world.pass_time(10_000)
    rounds(world, 3)
    assert world.condition("Running") == "False/Suspended", "suspended time does not count"
    world.edit(runPolicy={"activeDeadlineSeconds": 600})
    world.run_fairly()
    assert world.condition("Succeeded") == "True/Completed"
    assert (world.job["status"]["attempts"], len(world.started_attempts)) == (0, 1)
    assert settled(world) == ["Committed 40"]


def test_an_edit_ends_and_settles_the_run_and_another_begins():
    world = in_training()
    first = world.job["status"]["run"]
    world.edit(optimization={"steps": 11})
    world.run_fairly()
    assert world.condition("Succeeded") == "True/Completed"
    assert world.job["status"]["run"] != first
    assert [state.split()[0] for state in settled(world)] == ["Committed", "Committed"]
    assert len(world.journal) == 2


def test_an_edit_and_one_back_do_not_go_on_with_the_first_run():
    world = in_training()
    world.edit(optimization={"steps": 11})
    rounds(world, 2)
    world.edit(optimization={"steps": 10})
    world.run_fairly()
    assert world.condition("Succeeded") == "True/Completed"
    runs = {run for run, _ in world.started_attempts}
    assert len({run.partition("-")[2] for run in runs}) == 1
    assert len(runs) == len(settled(world)) == 2


def test_a_finished_job_that_is_edited_is_trained_anew_and_one_whose_policy_is_edited_is_not():
    world = digits_world()
    world.run_fairly()
    world.edit(runPolicy={"backoffLimit": 7})
    world.run_fairly()
    assert len(world.started_attempts) == 1
    assert world.job["status"]["observedGeneration"] == 2
    assert world.job["status"]["conditions"][0]["observedGeneration"] == 2
    world.edit(optimization={"steps": 12})
    world.run_fairly()
    assert len(world.started_attempts) == 2
    assert settled(world) == ["Committed 40", "Committed 40"]


@pytest.mark.parametrize(("quiet", "charged"), [(False, "Committed"), (True, "ChargedWhole")])
def test_a_job_that_is_deleted_midway_goes_once_it_is_settled(quiet, charged):
    world = in_training()
    world.pods_end_slowly, world.quiet_death = True, quiet
    world.delete_job()
    rounds(world)
    assert world.job is not None, "its pods still spend"
    world.pods_end_slowly = False
    world.run_fairly()
    assert world.job is None
    assert settled(world)[0].split()[0] == charged


def test_too_small_a_budget_refuses_it_before_the_first_step():
    world = digits_world(39)
    world.run_fairly()
    assert world.condition("Succeeded") == "False/PrivacyBudgetExceeded"
    assert world.condition("BudgetReserved") == "False/BudgetExceeded"
    assert not world.journal
    assert settled(world) == []


def test_a_ledger_that_is_away_is_waited_for():
    world = digits_world()
    world.ledger_away = True
    rounds(world, 40)
    assert world.condition("BudgetReserved") == "Unknown/Asking"
    assert not world.journal
    world.ledger_away = False
    world.run_fairly()
    assert world.condition("Succeeded") == "True/Completed"


def test_input_that_is_wrong_is_tried_once():
    world = digits_world()
    world.fate = "InvalidInput"
    world.run_fairly()
    assert world.condition("Succeeded") == "False/InvalidInput"
    assert len(world.started_attempts) == 1


def test_a_time_to_live_clears_the_rayjob_away_and_nothing_else():
    world = digits_world(runPolicy={"ttlSecondsAfterFinished": 100})
    rounds(world, 60)
    assert world.condition("Succeeded") == "True/Completed"
    assert world.ray_job is not None
    world.pass_time(100)
    rounds(world, 3)
    assert world.ray_job is None
    assert world.job is not None
    assert world.get("ConfigMap", "digits-report") is not None


def test_a_write_twice_is_a_write_once():
    world = digits_world()
    for _ in range(60):
        plan = world.look()
        for action in plan.actions:
            world.do(action)
        before = world.version
        for action in plan.actions:
            if type(action).__name__ in ("Apply", "SetStatus"):
                world.do(action)
        assert world.version == before
        world.round()
        world.pass_time(1)
