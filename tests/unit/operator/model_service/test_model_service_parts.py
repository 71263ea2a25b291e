"""Parts of ModelService's decision by themselves: rollouts, what Ray Serve says, what keeps pods from starting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from unit.operator.model_service.world import BETTER, GOOD, START, VOLUME, World

from moorage_operator import names
from moorage_operator.cache import Cache
from moorage_operator.model_service.clusters import RayClusterSeen, RayServiceSeen, error_of
from moorage_operator.model_service.pod_trouble import trouble_of
from moorage_operator.model_service.revisions import Marks, Revision, Served, revision_manifest, stored_revisions, surplus
from moorage_operator.model_service.rollout import FAILING_SECONDS, roll_out

DEADLINE = 300.0


def served(digest: str) -> Served:
    model = {"uri": f"{VOLUME}/a", "digest": digest}
    more = {"tenant": "t", "batching": {}, "resources": {}, "autoscaled": False, "image": "i", "rayVersion": "2.60.0"}
    return Served.from_wire({"model": model, **more})


def revision(number: int, digest: str, **marks: Any) -> Revision:
    wishes = served(digest)
    return Revision(number, wishes.to_wire(), wishes, Marks(**marks))


def cluster(number: int | None, name: str = "c1", **more: Any) -> RayClusterSeen:
    return RayClusterSeen(name, number, **more)


HEALTHY = revision(1, GOOD, healthy_at=START - timedelta(hours=1), cluster="c1")
BESIDE = RayServiceSeen(taken_up=True, answers=True, active=cluster(1), pending=cluster(2, "c2"))


def test_a_first_rollout_begins_with_a_mark():
    rollout = roll_out([], served(GOOD), RayServiceSeen(), DEADLINE, START)
    assert rollout.target == rollout.desired
    assert rollout.desired.marks == Marks(started_at=START)
    assert rollout.look_again_seconds is None, "nothing to go back to, so no time matters"


def test_a_rollout_is_looked_at_again_at_its_deadline():
    rollout = roll_out([HEALTHY], served(BETTER), BESIDE, DEADLINE, START)
    assert (rollout.target.number, rollout.look_again_seconds) == (2, DEADLINE)
    later = roll_out(rollout.revisions, served(BETTER), BESIDE, DEADLINE, START + timedelta(seconds=100))
    assert (later.target.number, later.look_again_seconds) == (2, DEADLINE - 100)
    assert later.revisions == rollout.revisions, "the mark of the beginning stays"


@pytest.mark.parametrize(("seconds", "target"), [(DEADLINE - 0.001, 2), (DEADLINE, 1), (DEADLINE * 9, 1)])
def test_the_deadline_gives_a_rollout_up(seconds, target):
    rollout = roll_out(
        [HEALTHY, revision(2, BETTER, started_at=START)], served(BETTER), BESIDE, DEADLINE, START + timedelta(seconds=seconds)
    )
    assert rollout.target.number == target
    assert (rollout.desired.marks.failed is None) is (target == 2)


@pytest.mark.parametrize(("seconds", "target"), [(0.0, 2), (FAILING_SECONDS - 0.001, 2), (FAILING_SECONDS, 1)])
def test_ray_serves_word_is_doubted_for_a_while(seconds, target):
    failing = RayServiceSeen(answers=True, active=cluster(1), pending=cluster(2, "c2", deploy_failed=True, trouble="no such digest"))
    first = roll_out([HEALTHY, revision(2, BETTER, started_at=START)], served(BETTER), failing, DEADLINE, START)
    assert first.desired.marks.failing_since == START
    assert first.look_again_seconds == FAILING_SECONDS
    then = roll_out(first.revisions, served(BETTER), failing, DEADLINE, START + timedelta(seconds=seconds))
    assert then.target.number == target
    if target == 1:
        assert then.desired.marks == Marks(failed="no such digest")


def test_a_failure_that_passes_is_forgotten():
    failing = revision(2, BETTER, started_at=START, failing_since=START)
    rollout = roll_out([HEALTHY, failing], served(BETTER), BESIDE, DEADLINE, START + timedelta(seconds=FAILING_SECONDS))
    assert (rollout.target.number, rollout.desired.marks.failing_since) == (2, None)


def test_what_was_given_up_and_yet_took_the_traffic_is_healthy():
    """It got healthy in the moment in which it was given up: it stays."""
    given_up = revision(2, BETTER, failed="not healthy within 300 s")
    rollout = roll_out([HEALTHY, given_up], served(BETTER), RayServiceSeen(answers=True, active=cluster(2, "c2")), DEADLINE, START)
    assert (rollout.target.number, rollout.settled) == (2, True)
    assert rollout.desired.marks == Marks(healthy_at=START, cluster="c2")


def test_without_an_active_cluster_the_revision_that_was_healthy_last_is_taken():
    later = revision(1, GOOD, healthy_at=START, cluster="c3")
    earlier = revision(2, "sha256:" + "c" * 64, healthy_at=START - timedelta(hours=2), cluster="c2")
    failed = revision(3, BETTER, failed="x")
    rollout = roll_out([later, earlier, failed], served(BETTER), RayServiceSeen(), DEADLINE, START)
    assert rollout.target.number == 1


def test_a_revision_of_another_version_of_the_operator_is_left_alone():
    strange = Revision(7, {"shape": "round"}, None, Marks(healthy_at=START, cluster="c1"))
    rollout = roll_out([strange], served(GOOD), RayServiceSeen(active=cluster(7)), DEADLINE, START)
    assert (rollout.desired.number, rollout.target.number) == (8, 8)
    assert strange in rollout.revisions


def test_revisions_are_stored_and_read_back():
    world = World()
    before = revision(3, GOOD, healthy_at=START, cluster="c1", failed="why\nnot")
    manifest = revision_manifest(world.service, "t", before)
    [after] = stored_revisions([manifest])
    assert after == before
    assert manifest["data"] == before.data
    cache = Cache()
    cache.put({**manifest, "metadata": {**manifest["metadata"], "uid": "u", "resourceVersion": "1"}})
    assert stored_revisions(cache.owned("ControllerRevision", world.service.metadata.uid or "")) == (before,)


def test_marks_that_make_no_sense_are_none():
    manifest = revision_manifest(World().service, "t", revision(1, GOOD))
    manifest["metadata"]["annotations"][names.ROLLOUT_STARTED] = "yesterday"
    assert stored_revisions([manifest])[0].marks == Marks()


def test_old_revisions_that_are_needed_stay():
    many = [revision(number, GOOD) for number in range(1, 16)]
    assert [one.number for one in surplus(many, [2])] == [1, 3, 4, 5]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("", ""),
        ("Deploying app 'digits' timed out", "Deploying app 'digits' timed out"),
        (
            "failed:\nTraceback (most recent call last):\n  File x, line 1\nray.exceptions.RayTaskError(InvalidInput): ray::x\n"
            "Traceback (most recent call last):\n  File y\nmoorage_api.errors.InvalidInput: model.onnx: digest differs\nmodel.json: absent",
            "moorage_api.errors.InvalidInput: model.onnx: digest differs model.json: absent",
        ),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_of_a_traceback_the_error_is_told(message, error):
    assert error_of(message) == error


def pod(name: str = "digits-c1-worker-0", **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": {names.POOL: "gpu"}}
    return {"kind": "Pod", "metadata": metadata, "status": status}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "ray", "state": {"waiting": {"reason": reason, "message": message}}, **more}])


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}]),
            "Unschedulable",
            ("0/2 nodes are available", "node pool gpu", "default/digits-c1-worker-0"),
        ),
        (waiting("ImagePullBackOff", "not found"), "ImagePullFailed", ("not found", "container ray", "pull Secret")),
        (waiting("CreateContainerConfigError", "secret missing"), "ContainerNotCreated", ("secret missing",)),
        (waiting("CrashLoopBackOff"), "Crashing", ("kubectl logs digits-c1-worker-0 -c ray",)),
        (
            pod(containerStatuses=[{"name": "ray", "state": {"terminated": {"reason": "OOMKilled"}}}]),
            "OutOfMemory",
            ("memoryPerReplica",),
        ),
        (pod(initContainerStatuses=[{"name": "agent", "state": {"waiting": {"reason": "ErrImagePull"}}}]), "ImagePullFailed", ("agent",)),
    ],
)
def test_what_keeps_a_pod_from_starting_is_named(body, reason, words):
    trouble = trouble_of([pod("a", phase="Running"), body])
    assert trouble is not None
    assert trouble.reason == reason
    for word in words:
        assert word in trouble.message


@pytest.mark.parametrize(
    "body",
    [pod(), waiting("PodInitializing"), waiting("ContainerCreating"), pod(containerStatuses=[{"name": "ray", "state": {"running": {}}}])],
)
def test_a_pod_that_is_starting_is_in_no_trouble(body):
    assert trouble_of([body]) is None


def test_a_pod_that_is_going_is_in_no_trouble():
    body = waiting("ImagePullBackOff")
    body["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:00Z"
    assert trouble_of([body]) is None
