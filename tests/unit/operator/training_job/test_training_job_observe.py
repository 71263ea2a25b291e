"""What is seen of a TrainingJob in the cache, and what is made of a stranger's report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.operator.training_job.observed import MECHANISM, NOW, UID, ago, dataset, job, reserved

from moorage_api.training_job import TrainingJob
from moorage_operator.cache import Cache
from moorage_operator.training_job.observe import ObservedTrainingJob, observe_training_job
from moorage_operator.training_job.pods import pod_of
from moorage_operator.training_job.ray_job import ray_job_of
from moorage_operator.training_job.report import MAX_BYTES, read_report
from moorage_operator.training_job.run_identity import holder_of

Body = dict[str, Any]
OUTPUT = "/var/lib/moorage/artifacts/digits"


def put(cache: Cache, kind: str, name: str, namespace: str | None = "team-a", labels: Body | None = None, **content: Any) -> None:
    metadata: Body = {"name": name, "uid": f"uid-{kind}-{name}", "resourceVersion": "5", "labels": labels or {}}
    if namespace is not None:
        metadata["namespace"] = namespace
    metadata |= content.pop("metadata", {})
    cache.put({"apiVersion": content.pop("apiVersion", "moorage.dev/v1alpha1"), "kind": kind, "metadata": metadata, **content})


def known(of: TrainingJob, **metadata: Any) -> Cache:
    """A cache with the job, its tenant and its plan."""
    cache, body = Cache(), of.to_wire()
    put(
        cache, "TrainingJob", "digits", metadata={"uid": UID, "generation": 1, **metadata}, spec=body["spec"], status=body.get("status", {})
    )
    put(cache, "Tenant", "harbour", None, spec={"namespaces": ["team-a"], "plan": "standard"})
    put(cache, "PricePlan", "standard", None, spec={"currency": "USD"})
    return cache


def look(cache: Cache) -> ObservedTrainingJob:
    of = cache.resource("TrainingJob", "team-a", "digits")
    assert isinstance(of, TrainingJob)
    return observe_training_job(cache, of, None)


def said(cache: Cache, run: str, text: str | None = None, uid: str = UID, **changes: Any) -> None:
    document = {"phase": "Training", "updatedAt": ago(1), **changes}
    put(
        cache,
        "ConfigMap",
        "digits-report",
        apiVersion="v1",
        labels={"moorage.dev/uid": uid},
        metadata={"annotations": {"moorage.dev/run": run}},
        data={"report.json": json.dumps(document) if text is None else text},
    )


def test_a_job_alone():
    seen = look(known(job()))
    assert (seen.tenant, seen.missing, seen.ray_job, seen.report, seen.pods, seen.holding) == ("harbour", (), None, None, (), None)
    assert (seen.resource_version, seen.finalizers, seen.deleting, seen.report_map_exists) == ("5", (), False, False)


def test_everything_there_is_of_a_job():
    of = job({"attempts": 1}, dataset={"name": "d"}, privacy={"epsilon": 4, "delta": 1e-5})
    cache = known(of, finalizers=["moorage.dev/privacy"], deletionTimestamp=ago(0))
    put(cache, "Dataset", "d", spec=dataset().to_wire()["spec"])
    put(cache, "RayJob", "digits", apiVersion="ray.io/v1", labels={"moorage.dev/uid": UID}, status={"jobDeploymentStatus": "Running"})
    put(
        cache,
        "Pod",
        "digits-head",
        apiVersion="v1",
        labels={"moorage.dev/uid": UID, "moorage.dev/role": "head"},
        status={"phase": "Running"},
    )
    put(cache, "Pod", "other", apiVersion="v1", labels={"moorage.dev/uid": "another"}, status={"phase": "Running"})
    said(cache, of.status.run, attempt=2)
    cache.costs[UID], cache.refusals[holder_of(of)] = "1.5", "too much"
    seen = observe_training_job(cache, of, reserved())
    assert seen.records.budget is not None
    assert seen.records.account == "sklearn://digits"
    assert seen.ray_job is not None
    assert [pod.name for pod in seen.pods] == ["digits-head"]
    assert seen.report is not None
    assert (seen.cost, seen.refusal, seen.finalizers, seen.deleting) == ("1.5", "too much", ("moorage.dev/privacy",), True)
    assert seen.is_private


@pytest.mark.parametrize(
    ("changes", "there"),
    [
        pytest.param({}, True, id="of this run and attempt"),
        pytest.param({"attempt": 2}, False, id="of another attempt"),
        pytest.param({"updatedAt": ago(31)}, True, id="as the stretch began, by a clock that is behind"),
        pytest.param({"updatedAt": ago(33)}, False, id="of an earlier stretch"),
        pytest.param({"run": "1-fedcba9876543210"}, False, id="of another run"),
        pytest.param({"uid": "another"}, False, id="of an earlier job of that name"),
    ],
)
def test_whose_report_it_is(changes, there):
    of = job({"activeSince": ago(30)})
    cache = known(of)
    said(cache, changes.pop("run", of.status.run), uid=changes.pop("uid", UID), **changes)
    assert (look(cache).report is not None) == there


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([], "no Tenant lists namespace team-a"),
        ([("Tenant", "a", {"namespaces": ["team-a"], "plan": "gold"})], "no such PricePlan (got gold); there is no PricePlan yet"),
        ([("Tenant", n, {"namespaces": ["team-a"], "plan": "p"}) for n in "ab"], "belongs to several tenants: a, b"),
    ],
)
def test_what_is_missing(resources, message):
    cache = Cache()
    put(cache, "TrainingJob", "digits", metadata={"uid": UID}, spec=job().to_wire()["spec"])
    for kind, name, spec in resources:
        put(cache, kind, name, None, spec=spec)
    assert message in " ".join(map(str, look(cache).missing))


def test_a_dataset_of_another_namespace_is_none():
    cache = known(job(dataset={"name": "d"}))
    put(cache, "Dataset", "d", "team-b", spec=dataset().to_wire()["spec"])
    assert "no such Dataset in namespace team-a (got d); there is no Dataset yet" in str(look(cache).missing[0])


GOOD = {"phase": "Succeeded", "updatedAt": ago(0), "model": {"uri": f"{OUTPUT}/abc", "digest": "sha256:" + "0" * 64}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"phase": "Dancing", "updatedAt": "2026-11-22T12:00:00Z"}', "phase"),
        ('{"phase": "Training"}', "updatedAt"),
        ('{"phase": "Training", "updatedAt": "2026-99-22T12:00:00Z"}', "cannot be read"),
        (json.dumps({**GOOD, "more": 1}), "more"),
        (json.dumps({**GOOD, "metrics": {"accuracy": float("nan")}}), "metrics"),
        (json.dumps({**GOOD, "metrics": {f"m{n}": 1.0 for n in range(257)}}), "metrics"),
        (json.dumps({**GOOD, "model": {**GOOD["model"], "uri": "/etc"}}), "outside the job's output folder"),
        (json.dumps({**GOOD, "model": {**GOOD["model"], "uri": f"{OUTPUT}/../other/x"}}), "outside the job's output folder"),
        (json.dumps({**GOOD, "failure": {"reason": "Internal", "message": "x" * MAX_BYTES}}), "larger than"),
    ],
)
def test_a_report_that_is_nonsense_is_a_problem_and_no_error(text, problem):
    report, found = read_report({"report.json": text}, OUTPUT)
    assert report is None
    assert problem in found
    assert len(found) <= 1100


def test_a_good_report():
    assert read_report({"report.json": json.dumps(GOOD)}, OUTPUT)[0] is not None
    assert read_report({}, OUTPUT) == read_report({"report.json": ""}, OUTPUT) == (None, "")


def pod(phase: str = "Running", **status: Any) -> Body:
    labels = {"moorage.dev/role": "head", "ray.io/cluster": "c", "moorage.dev/node-pool": "gpu"}
    return {"metadata": {"name": "p", "labels": labels}, "status": {"phase": phase, **status}}


def ray(state: Body, **more: Any) -> Body:
    return {"containerStatuses": [{"name": "side", "state": {"running": {}}}, {"name": "ray", "state": state, **more}]}


def test_pods():
    alive = pod_of(pod(**ray({"running": {"startedAt": "2026-11-22T12:00:00Z"}})))
    assert (alive.role, alive.cluster, alive.pool, alive.alive, alive.started_at) == ("head", "c", "gpu", True, NOW)
    assert pod_of(pod("Failed")).over
    assert pod_of(pod(**ray({"terminated": {"startedAt": "2026-11-22T12:00:00Z"}}))).over, "a sidecar may outlive Ray"
    going = pod_of({**pod(), "metadata": {"name": "p", "deletionTimestamp": ago(0)}})
    assert (going.alive, going.over) == (False, False)
    assert pod_of({"metadata": {"name": "p"}}).started_at is None


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]},
            "Unschedulable",
            "no node of pool gpu takes pod p: 0/3 nodes are available",
        ),
        (ray({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}, image="x:1"), "ImagePullFailed", "image x:1 of pod p"),
        (
            {"initContainerStatuses": [{"name": "wait-gcs-ready", "image": "x:1", "state": {"waiting": {"reason": "ErrImagePull"}}}]},
            "ImagePullFailed",
            "cannot be pulled: ErrImagePull",
        ),
        (
            ray({"waiting": {"reason": "CreateContainerConfigError", "message": "no ConfigMap"}}),
            "ContainerNotStarted",
            "container ray of pod p",
        ),
    ],
)
def test_what_keeps_a_pod_from_starting(status, reason, words):
    obstacle = pod_of(pod("Pending", **status)).obstacle
    assert obstacle is not None
    assert obstacle[0] == reason
    assert words in obstacle[1]
    assert pod_of(pod("Pending", **ray({"waiting": {"reason": "ContainerCreating"}}))).obstacle is None


def test_a_rayjob_with_nothing_in_it():
    found = ray_job_of({"metadata": {"name": "x"}})
    assert (found.attempt, found.deployment, found.started_at, found.deleting) == (0, "", None, False)
    odd = ray_job_of({"metadata": {"name": "x", "annotations": {"moorage.dev/attempt": "-1"}}, "status": {"startTime": "yesterday"}})
    assert (odd.attempt, odd.started_at) == (0, None)
    assert MECHANISM.steps == 10
