"""What becomes of a ModelService, situation by situation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.operator.model_service.world import BAD, BETTER, GOOD, VOLUME, World, resource, succeeded_job

from moorage_operator import names
from moorage_operator.model_service.upkeep import keep_up_model_service
from moorage_operator.plan import Apply, Delete, Patch, Record, SetStatus

SPEC = succeeded_job()["spec"]


def served_world(**spec: Any) -> World:
    """A world in which revision 1 has the traffic."""
    world = World()
    world.store(succeeded_job())
    if spec:
        world.edit(**spec)
    world.settle()
    assert world.condition("Ready") == ("True", "Passed")
    return world


def test_a_model_that_passed_its_gates_is_served():
    world = served_world()
    status = world.service.status
    assert status is not None
    assert (status.revision, status.model_digest, status.replicas) == (1, GOOD, 1)
    assert status.url == "http://digits.default.svc:8000/default/digits"
    assert status.selector == "moorage.dev/uid=uid-ModelService-digits,moorage.dev/role=worker"
    assert world.condition("Progressing") == ("False", "RolledOut")
    assert world.plan().actions == ()


def test_what_the_ray_service_needs_stands_before_it():
    world = World()
    world.store(succeeded_job())
    applied = [[m["kind"] for m in action.manifests] for action in world.plan().actions if isinstance(action, Apply)]
    needs = ["ServiceAccount", "ConfigMap", "NetworkPolicy"]
    assert applied == [["ControllerRevision"], ["PersistentVolumeClaim"], needs, ["PodMonitor"], ["RayService"]]
    how = [(a.optional, a.existing_stays) for a in world.plan().actions if isinstance(a, Apply)]
    assert how == [(False, False), (False, True), (False, False), (True, False), (False, False)]


def test_what_stands_around_is_applied_again_as_it_was_applied_first():
    world = World()
    world.store(succeeded_job())
    assert keep_up_model_service(world.observe(), world.settings).actions == ()
    first = [action for action in world.plan().actions if isinstance(action, Apply)]
    world.settle()
    assert keep_up_model_service(world.observe(), world.settings).actions == (first[2], first[3])


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"tenant": "nobody"}, "UnknownTenant", "known tenants: harbour, lighthouse"),
        ({"access": {"tenants": ["harbour", "stranger"]}}, "UnknownTenant", "spec.access.tenants"),
        ({"resources": {"nodePool": "gpus"}}, "UnknownNodePool", "known: default"),
        ({"resources": {"gpusPerReplica": 1}}, "UnknownNodePool", "has no GPUs"),
        ({"model": {"trainingJob": "other"}}, "NoTrainingJob", "there is no TrainingJob other"),
        ({"model": {"uri": "s3://bucket/model", "digest": GOOD}}, "ArtifactRefused", VOLUME),
        ({"model": {"uri": f"{VOLUME}/../etc", "digest": GOOD}}, "ArtifactRefused", VOLUME),
    ],
)
def test_what_cannot_be_followed_is_said(change, reason, words):
    world = World()
    world.store(succeeded_job())
    world.edit(**change)
    world.settle()
    assert world.condition("Ready") == ("False", reason)
    assert words in world.message("Ready")
    assert world.get("RayService") is None
    assert (reason in {told for told, _ in world.told}) is True


@pytest.mark.parametrize(
    ("job", "reason"),
    [(succeeded_job(gates="False"), "GatesFailed"), (resource("TrainingJob", "digits", SPEC), "WaitingForModel")],
)
def test_a_model_that_is_not_good_enough_or_not_there_is_not_served(job, reason):
    world = World()
    world.store(job)
    world.settle()
    assert world.condition("Ready") == ("False", reason)
    assert world.all("ControllerRevision") == []


def test_a_pinned_artifact_needs_no_training_job():
    world = World({"model": {"uri": f"file://{VOLUME}/models/a", "digest": GOOD}, "access": {"tenants": ["harbour"]}})
    world.settle()
    assert world.condition("Ready") == ("True", "Pinned")
    ray_service = world.get("RayService")
    assert ray_service is not None
    assert json.loads(ray_service["spec"]["serveConfigV2"])["applications"][0]["args"]["artifact"] == f"{VOLUME}/models/a"


def test_a_job_run_again_with_another_model_makes_a_new_revision():
    world = served_world()
    world.store(succeeded_job(BETTER))
    world.reconcile()
    world.kuberay()
    assert world.plan().look_again_seconds is not None
    world.reconcile()
    assert world.condition("Ready") == ("True", "Passed")
    assert world.condition("Progressing") == ("True", "Deploying")
    assert "revision 2 is starting beside revision 1" in world.message("Progressing")
    assert world.service.status is not None
    assert world.service.status.model_digest == GOOD
    world.settle()
    assert world.service.status is not None
    assert (world.service.status.revision, world.service.status.model_digest) == (2, BETTER)
    assert world.condition("Ready") == ("True", "Passed")


def test_failed_gates_leave_the_earlier_model_and_say_so():
    world = served_world()
    world.store(succeeded_job(BETTER, gates="False"))
    world.settle()
    assert world.condition("Ready") == ("True", "GatesFailed")
    assert "below minimum" in world.message("Ready")
    assert world.service.status is not None
    assert world.service.status.model_digest == GOOD
    assert len(world.all("ControllerRevision")) == 1


@pytest.mark.parametrize("how", ["DEPLOY_FAILED", "DEPLOYING"])
def test_a_revision_that_does_not_get_healthy_is_rolled_back(how):
    world = served_world()
    world.broken_how = how
    world.store(succeeded_job(BAD))
    world.settle()
    assert world.active_revision == "1"
    assert world.condition("Ready") == ("True", "RolloutFailed")
    assert world.condition("Progressing") == ("False", "RolloutFailed")
    said = "moorage_api.errors.InvalidInput: model.onnx: digest differs" if how == "DEPLOY_FAILED" else "not healthy within 300 s"
    assert said in world.message("Ready")
    failed = world.get("ControllerRevision", "digits-2")
    assert failed is not None
    assert said in failed["metadata"]["annotations"][names.FAILED]
    assert [reason for reason, _ in world.told].count("RolloutFailed") == 1


def test_a_revision_that_was_given_up_is_tried_again_when_its_mark_is_removed():
    world = served_world()
    world.store(succeeded_job(BAD))
    world.settle()
    failed = world.get("ControllerRevision", "digits-2")
    assert failed is not None
    world.bad.clear()
    del failed["metadata"]["annotations"][names.FAILED]
    world.store(failed)
    world.settle()
    assert world.active_revision == "2"
    assert world.condition("Ready") == ("True", "Passed")


def test_a_new_wish_after_a_failed_one_is_rolled_out_and_the_failure_forgotten():
    world = served_world()
    world.store(succeeded_job(BAD))
    world.settle()
    world.store(succeeded_job(BETTER))
    world.settle()
    assert world.active_revision == "3"
    assert world.condition("Ready") == ("True", "Passed")
    failed = world.get("ControllerRevision", "digits-2")
    assert failed is not None
    assert names.FAILED not in failed["metadata"]["annotations"]


def test_the_first_rollout_failing_is_not_ready_and_heals_when_the_cause_is_gone():
    world = World()
    world.store(succeeded_job(BAD))
    world.settle()
    assert world.condition("Ready") == ("False", "RolloutFailed")
    assert "digest differs" in world.message("Ready")
    world.bad.clear()
    world.settle()
    assert world.condition("Ready") == ("True", "Passed")


def test_pods_that_fit_nowhere_are_named_with_a_remedy():
    world = World()
    world.schedulable = False
    world.store(succeeded_job())
    world.settle()
    assert world.condition("Ready") == ("False", "Unschedulable")
    assert "0/3 nodes are available" in world.message("Ready")
    assert "node pool default" in world.message("Ready")


def test_going_back_to_an_earlier_wish_takes_its_revision_again():
    world = served_world()
    world.edit(batching={"maxRows": 8})
    world.settle()
    assert world.active_revision == "2"
    world.edit(batching={"maxRows": 64})
    world.settle()
    assert world.active_revision == "1"
    assert len(world.all("ControllerRevision")) == 2
    # What failed next goes back to what had the traffic last, not to the highest number.
    world.store(succeeded_job(BAD))
    world.settle()
    assert world.active_revision == "1"


def test_sizes_change_in_place():
    world = served_world()
    active = world.active_revision
    world.edit(replicas={"min": 3})
    plan = world.plan()
    assert [type(action) for action in plan.actions if isinstance(action, Patch)] == [Patch]
    world.settle()
    assert (world.active_revision, len(world.all("ControllerRevision")), len(world.all("RayCluster"))) == (active, 1, 1)
    assert world.service.status is not None
    assert world.service.status.replicas == 3
    [cluster] = world.all("RayCluster")
    assert {k: v for k, v in cluster["spec"]["workerGroupSpecs"][0].items() if "eplicas" in k} == {
        "replicas": 3,
        "minReplicas": 3,
        "maxReplicas": 3,
    }
    deployment = json.loads(world.submitted[cluster["metadata"]["name"]])["applications"][0]["deployments"][0]
    assert deployment["num_replicas"] == 3


def test_access_and_load_targets_change_in_place():
    world = served_world()
    before = json.loads(world.submitted[world.all("RayCluster")[0]["metadata"]["name"]])
    world.edit(access={"tenants": ["harbour"]}, replicas={"min": 1, "maxOngoingRequests": 7})
    world.settle()
    [cluster] = world.all("RayCluster")
    after = json.loads(world.submitted[cluster["metadata"]["name"]])
    assert len(world.all("ControllerRevision")) == 1
    assert before["applications"][0]["args"] == after["applications"][0]["args"]
    assert after["applications"][0]["deployments"][0]["user_config"] == {"access": {"tenants": ["harbour"]}}
    assert after["applications"][0]["deployments"][0]["max_ongoing_requests"] == 7


def test_the_autoscaler_owns_the_replicas_of_an_autoscaled_cluster():
    world = served_world(replicas={"min": 1, "max": 4})
    [cluster] = world.all("RayCluster")
    cluster["spec"]["workerGroupSpecs"][0]["replicas"] = 3
    world.store(cluster)
    assert world.plan().actions == ()
    world.edit(replicas={"min": 2, "max": 6})
    [patch] = [action for action in world.plan().actions if isinstance(action, Patch)]
    assert {operation["path"].rsplit("/", 1)[1] for operation in patch.operations} == {"minReplicas", "maxReplicas"}
    world.settle()
    assert len(world.all("ControllerRevision")) == 1


def test_an_autoscaled_revision_begins_as_large_as_the_one_before_it():
    world = served_world(replicas={"min": 1, "max": 4})
    [cluster] = world.all("RayCluster")
    cluster["spec"]["workerGroupSpecs"][0]["replicas"] = 3
    world.store(cluster)
    world.pods_follow(cluster["metadata"]["name"])
    world.store(succeeded_job(BETTER))
    world.settle()
    assert world.active_revision == "2"
    [cluster] = world.all("RayCluster")
    assert cluster["spec"]["workerGroupSpecs"][0]["replicas"] == 3
    ray_service = world.get("RayService")
    assert ray_service is not None
    assert ray_service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["replicas"] == 1
    assert "initial_replicas" not in ray_service["spec"]["serveConfigV2"]


def test_another_runtime_image_is_a_new_revision_and_a_bad_one_is_rolled_back():
    world = served_world()
    world.settings = world.settings.model_copy(
        update={"images": world.settings.images.model_copy(update={"runtime": "registry.example/moorage-runtime:2"})}
    )
    world.schedulable = False
    world.settle()
    world.schedulable = True
    world.settle()
    ray_service = world.get("RayService")
    assert ray_service is not None
    image = ray_service["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"][0]["image"]
    assert (image, world.active_revision) == ("registry.example/moorage-runtime:1", "1")
    assert world.condition("Progressing") == ("False", "RolloutFailed")


def test_old_revisions_go_but_never_one_that_serves():
    world = served_world()
    for rows in range(1, 15):
        world.edit(batching={"maxRows": rows})
        world.settle()
    numbers = [body["revision"] for body in world.all("ControllerRevision")]
    assert len(numbers) == 10
    assert str(max(numbers)) == world.active_revision


def test_a_tenant_that_went_stops_no_service():
    world = served_world()
    before = world.get("RayService")
    assert before is not None
    lighthouse = world.objects["Tenant", ("", "lighthouse")]
    world.remove(lighthouse)
    world.settle()
    assert world.condition("Ready") == ("False", "UnknownTenant")
    after = world.get("RayService")
    assert after is not None
    assert after["spec"] == before["spec"]
    assert world.service.status is not None
    assert world.service.status.replicas == 1


def test_lost_pods_are_no_lost_revision():
    world = served_world()
    for pod in world.all("Pod"):
        world.remove(pod)
    world.kuberay()
    world.reconcile()
    assert world.condition("Ready") == ("False", "NoReplicaAnswers")
    assert world.condition("Progressing") == ("False", "RolledOut")
    assert world.service.status is not None
    assert world.service.status.revision == 1
    world.settle()
    assert world.condition("Ready") == ("True", "Passed")


def test_a_ray_service_that_kuberay_refuses_is_reported():
    world = World()
    world.store(succeeded_job())
    world.reconcile()
    ray_service = world.get("RayService")
    assert ray_service is not None
    refused = {"type": "Ready", "status": "False", "reason": "ValidationFailed", "message": "rayVersion"}
    world.store({**ray_service, "status": {"conditions": [refused]}})
    world.reconcile()
    assert world.condition("Ready") == ("False", "RayServiceRefused")


def test_nothing_is_done_for_a_service_that_goes():
    world = World()
    world.store(succeeded_job())
    body = world.get("ModelService")
    assert body is not None
    world.store({**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-11-22T12:00:00Z"}})
    assert world.plan().actions == ()


def test_status_is_written_only_when_it_changes():
    world = served_world()
    world.wait(3600)
    assert [a for a in world.plan().actions if isinstance(a, SetStatus | Delete)] == []


def test_an_operator_killed_after_telling_tells_the_same_again():
    world = served_world()
    world.store(succeeded_job(BETTER))
    told = [action for action in world.plan().actions if isinstance(action, Record)]
    world.reconcile(killed_after=len(told))
    world.wait(7)
    assert [action for action in world.plan().actions if isinstance(action, Record)] == told
    assert [record.reason for record in told] == ["RolloutStarted"]
    assert "in place of revision 1" in told[0].message
