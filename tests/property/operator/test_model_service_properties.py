"""Whatever happens to a ModelService, in whatever order, and whenever the operator is killed: it comes to the same end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.operator.model_service.world import BAD, BETTER, GOOD, SETTINGS, VOLUME, World, succeeded_job

from moorage_api.model_service import ModelService
from moorage_operator import names
from moorage_operator.model_service.revisions import Served, revision_of, stored_revisions
from moorage_operator.model_service.serve_config import autoscaled
from moorage_operator.plan import Apply

NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
CLUSTER_OWNED = {"PersistentVolumeClaim"}

replicas = st.builds(
    lambda least, more, target: {"min": least, **({"max": least + more} if more is not None else {}), "targetOngoingRequests": target},
    st.integers(1, 5),
    st.none() | st.integers(0, 4),
    st.floats(0.5, 64),
)
resources = st.builds(
    lambda cpus, memory: {"cpusPerReplica": cpus, **({"memoryPerReplica": memory} if memory else {})},
    st.floats(0.1, 64),
    st.sampled_from([None, "512Mi", "8Gi"]),
)
specs = st.fixed_dictionaries(
    {
        "model": st.just({"trainingJob": "digits"}),
        "access": st.sampled_from([{"tenants": ["harbour"]}, {"tenants": ["lighthouse", "harbour"]}]),
        "replicas": replicas,
        "resources": resources,
        "batching": st.builds(lambda rows: {"maxRows": rows}, st.integers(1, 512)),
    }
)

wishes = st.one_of(
    st.builds(lambda digest: ("retrain", digest, "True"), st.sampled_from([GOOD, BETTER, BAD])),
    st.just(("retrain", BETTER, "False")),
    st.builds(lambda rows: ("edit", {"batching": {"maxRows": rows}}), st.sampled_from([8, 64])),
    st.builds(lambda least: ("edit", {"replicas": {"min": least}}), st.integers(1, 3)),
    st.just(("edit", {"replicas": {"min": 1, "max": 3}})),
    st.just(("edit", {"access": {"tenants": ["harbour"]}})),
    st.just(("edit", {"tenant": "nobody"})),
    st.just(("edit", {"tenant": "lighthouse"})),
)
happenings = st.one_of(
    wishes,
    st.builds(lambda actions: ("killed", actions), st.integers(0, 6)),
    st.just(("reconcile",)),
    st.just(("kuberay",)),
    st.just(("kuberay",)),
    st.builds(lambda seconds: ("wait", seconds), st.sampled_from([1, 40, 400])),
    st.just(("collect",)),
    st.just(("pods lost",)),
)


def happen(world: World, what: tuple[Any, ...]) -> None:
    match what:
        case ("retrain", digest, gates):
            old = world.get("TrainingJob")
            world.store(succeeded_job(digest, gates, (old or {"metadata": {"generation": 0}})["metadata"]["generation"] + 1))
        case ("edit", change):
            world.edit(**change)
        case ("killed", actions):
            world.reconcile(killed_after=actions)
        case ("reconcile",):
            world.reconcile()
        case ("kuberay",):
            world.kuberay()
        case ("wait", seconds):
            world.wait(seconds)
        case ("collect",):
            world.collect()
        case ("pods lost",):
            for pod in world.all("Pod"):
                world.remove(pod)


def wanted(world: World) -> str:
    """The model that the user's last wish comes to, were it good: of a job whose gates failed, none."""
    job = world.get("TrainingJob")
    assert job is not None
    return str(job["status"]["model"]["digest"])


def check_end(world: World) -> None:
    """What holds once nothing changes any more."""
    assert world.plan().actions == ()
    revisions = stored_revisions(world.all("ControllerRevision"))
    data = [json.dumps(one.data, sort_keys=True) for one in revisions]
    assert len(data) == len(set(data)), "a revision was made twice"
    ready, reason = world.condition("Ready")
    if reason == "UnknownTenant":
        return
    job = world.get("TrainingJob")
    assert job is not None
    refused = any(c["type"] == "GatesPassed" and c["status"] == "False" for c in job["status"]["conditions"])
    digest = world.service.status.model_digest if world.service.status is not None else None
    if not refused and wanted(world) not in world.bad:
        assert (ready, reason, digest) == ("True", "Passed", wanted(world))
        check_active(world)
    elif not refused and reason == "RolloutFailed" and ready == "True":
        assert digest not in world.bad
    else:
        # The first model of all is a bad one, or no good enough one has come yet: there is nothing to go back to.
        assert refused or (ready, reason) == ("False", "RolloutFailed")


def check_active(world: World) -> None:
    """One Ray cluster, with just the pods, the deployment and the access that the spec asks for."""
    [cluster] = world.all("RayCluster")
    spec = world.service.spec
    group = cluster["spec"]["workerGroupSpecs"][0]
    most = spec.replicas.max if autoscaled(spec.replicas) else spec.replicas.min
    assert (group["minReplicas"], group["maxReplicas"]) == (spec.replicas.min, most)
    [application] = json.loads(world.submitted[cluster["metadata"]["name"]])["applications"]
    [deployment] = application["deployments"]
    assert deployment["user_config"]["access"]["tenants"] == sorted(spec.access.tenants)
    assert application["args"]["batching"]["maxRows"] == spec.batching.max_rows
    sizes = deployment.get("autoscaling_config") or {"min_replicas": deployment["num_replicas"], "max_replicas": deployment["num_replicas"]}
    assert (sizes["min_replicas"], sizes["max_replicas"]) == (spec.replicas.min, most)


@settings(max_examples=60, deadline=None)
@given(st.lists(happenings, max_size=14))
def test_any_order_of_events_and_kills_ends_well(events: list[tuple[Any, ...]]) -> None:
    world = World()
    world.store(succeeded_job())
    for event in events:
        happen(world, event)
    world.settle(seconds=100)
    check_end(world)


@settings(max_examples=25, deadline=None)
@given(st.lists(happenings, max_size=10), st.lists(happenings, max_size=10))
def test_the_end_does_not_depend_on_the_way(one_way: list[tuple[Any, ...]], another_way: list[tuple[Any, ...]]) -> None:
    """Two worlds that were served once and end with the same wish serve the same, however they came there."""
    ends = []
    for way in (one_way, another_way):
        world = World()
        world.store(succeeded_job())
        world.settle(seconds=100)
        for event in way:
            happen(world, event)
        happen(world, ("retrain", BETTER, "True"))
        world.edit(tenant="harbour", batching={"maxRows": 32}, replicas={"min": 2}, access={"tenants": ["lighthouse"]})
        world.settle(seconds=100)
        check_end(world)
        [cluster] = world.all("RayCluster")
        config = json.loads(world.submitted[cluster["metadata"]["name"]])
        ends.append((config, world.condition("Ready"), world.condition("Progressing"), cluster["spec"]["workerGroupSpecs"][0]["replicas"]))
    assert ends[0] == ends[1]


@settings(max_examples=20, deadline=None)
@given(st.lists(happenings, max_size=8), st.sampled_from(["DEPLOY_FAILED", "DEPLOYING", "UNHEALTHY"]))
def test_a_bad_model_never_takes_the_traffic_from_a_good_one(events: list[tuple[Any, ...]], how: str) -> None:
    world = World()
    world.broken_how = how
    world.store(succeeded_job())
    world.settle(seconds=100)
    for event in [*events, ("edit", {"tenant": "harbour"}), ("retrain", BAD, "True")]:
        happen(world, event)
        assert serving_digest(world) not in world.bad
    world.settle(seconds=100)
    assert world.condition("Ready") == ("True", "RolloutFailed")
    assert serving_digest(world) not in world.bad
    assert world.plan().actions == ()


def serving_digest(world: World) -> str | None:
    """Of the artifact in the cluster that has the traffic."""
    status = (world.get("RayService") or {}).get("status") or {}
    config = world.submitted.get((status.get("activeServiceStatus") or {}).get("rayClusterName") or "")
    return json.loads(config)["applications"][0]["args"]["digest"] if config else None


@settings(max_examples=60, deadline=None)
@given(specs)
def test_every_child_is_named_labelled_and_owned(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.store(succeeded_job())
    plan = world.plan()
    children = [manifest for action in plan.actions if isinstance(action, Apply) for manifest in action.manifests]
    assert len(children) == len({(child["kind"], child["metadata"]["name"]) for child in children}) >= 6
    service = world.service
    for child in children:
        metadata = child["metadata"]
        assert NAME.match(metadata["name"])
        assert len(metadata["name"]) <= 63
        assert metadata["namespace"] == "default"
        if child["kind"] not in CLUSTER_OWNED:
            assert metadata["ownerReferences"] == [names.owner_reference(service)]
            assert metadata["labels"] | names.labels_of(service, "harbour") == metadata["labels"]
    for template in templates(children):
        assert template["metadata"]["labels"] | names.labels_of(service, "harbour") == template["metadata"]["labels"]
        assert template["metadata"]["annotations"][names.REVISION] == "1"
        assert names.METERING_FINALIZER in template["metadata"]["finalizers"]
        check_template(template["spec"])
    assert json.dumps(children) == json.dumps([m for a in world.plan().actions if isinstance(a, Apply) for m in a.manifests])


def templates(children: list[dict[str, Any]]) -> list[dict[str, Any]]:
    cluster = next(child for child in children if child["kind"] == "RayService")["spec"]["rayClusterConfig"]
    return [cluster["headGroupSpec"]["template"], *(group["template"] for group in cluster["workerGroupSpecs"])]


def check_template(spec: dict[str, Any]) -> None:
    """What an API server would refuse, or Pod Security's `restricted` would."""
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    volumes = {volume["name"] for volume in spec["volumes"]}
    assert len(volumes) == len(spec["volumes"])
    for container in containers:
        variables = [variable["name"] for variable in container["env"]]
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(variables) == len(set(variables))
        assert len(paths) == len(set(paths))
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True


@settings(max_examples=60, deadline=None)
@given(st.lists(specs, min_size=1, max_size=6))
def test_equal_wishes_have_one_revision(several: list[dict[str, Any]]) -> None:
    known: list[Any] = []
    for spec in [*several, *several]:
        service = ModelService.from_wire(
            {"apiVersion": "moorage.dev/v1alpha1", "kind": "ModelService", "metadata": {"name": "s", "uid": "u"}, "spec": spec}
        )
        served = Served.from_wire(
            {
                "model": {"uri": f"{VOLUME}/a", "digest": GOOD},
                "tenant": "t",
                "batching": service.spec.batching.to_wire(),
                "resources": service.spec.resources.to_wire(),
                "autoscaled": autoscaled(service.spec.replicas),
                "image": SETTINGS.images.runtime,
                "rayVersion": SETTINGS.ray_version,
            }
        )
        revision = revision_of(known, served)
        assert Served.from_wire(revision.data) == served
        if revision not in known:
            known.append(revision)
    assert [one.number for one in known] == list(range(1, len(known) + 1))
    assert len({json.dumps(one.data, sort_keys=True) for one in known}) == len(known)


@pytest.mark.parametrize("killed_after", range(10))
def test_a_rollout_that_is_killed_between_any_two_writes_goes_on(killed_after: int) -> None:
    world = World()
    world.store(succeeded_job())
    world.settle(seconds=100)
    world.store(succeeded_job(BETTER))
    world.reconcile(killed_after=killed_after)
    world.settle(seconds=100)
    assert world.condition("Ready") == ("True", "Passed")
    assert {reason for reason, _ in world.told} >= {"RolloutStarted", "RolledOut"}
    world.store(succeeded_job(BAD))
    world.reconcile()
    world.kuberay()
    world.wait(400)
    world.reconcile(killed_after=killed_after)
    world.settle(seconds=100)
    assert world.condition("Ready") == ("True", "RolloutFailed")
    assert "RolloutFailed" in {reason for reason, _ in world.told}
    assert len(world.all("ControllerRevision")) == 3
