"""A small world for ModelServices: an API server, and KubeRay as its NewCluster upgrade works. Nothing in it sleeps or runs.

KubeRay's part follows rayservice_controller.go of 1.6: the goal's hash (without sizes) is compared with the pending cluster's, else with
the active one's; another hash means another pending cluster; the traffic switches once the pending one's application runs.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage_api.manifest import parse_resource
from moorage_api.model_service import ModelService
from moorage_operator import names
from moorage_operator.cache import Cache, key_of
from moorage_operator.model_service.decide import decide_model_service
from moorage_operator.model_service.observe import ObservedModelService, observe_model_service
from moorage_operator.plan import Apply, Delete, Patch, Plan, Record, SetStatus
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.canonical import digest_of

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = OperatorSettings.from_wire(
    {
        "namespace": "moorage",
        "ledger": {"url": "http://moorage-ledger.moorage.svc:8080"},
        "images": {"runtime": "registry.example/moorage-runtime:1"},
        "rolloutDeadlineSeconds": 300,
    }
)
GOOD, BETTER, BAD = ("sha256:" + letter * 64 for letter in "abf")
VOLUME = names.VOLUME_PATH


def resource(kind: str, name: str, spec: dict[str, Any], namespace: str | None = "default", **metadata: Any) -> dict[str, Any]:
    """A body as the API server has it."""
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, **place, "uid": f"uid-{kind}-{name}", "generation": 1, **metadata},
        "spec": spec,
    }


def succeeded_job(digest: str = GOOD, gates: str = "True", generation: int = 1) -> dict[str, Any]:
    """The TrainingJob `digits` with a model."""
    spec = {"dataset": {"name": "d"}, "task": {"type": "TabularClassification"}, "optimization": {"steps": 1}}
    body = resource("TrainingJob", "digits", spec, generation=generation)
    moment = "2026-11-22T11:00:00Z"
    conditions = [
        {"type": type_, "status": truth, "reason": "R", "lastTransitionTime": moment, "observedGeneration": generation}
        for type_, truth in (("Succeeded", "True"), ("GatesPassed", gates))
    ]
    gate = {"gate": {"metric": "accuracy", "minimum": 0.9}, "value": 0.88, "passed": gates == "True"}
    model = {"uri": f"{VOLUME}/artifacts/digits/{digest[7:]}", "digest": digest}
    return {**body, "status": {"conditions": conditions, "model": model, "gates": [gate]}}


class World:
    """The objects of one cluster with one ModelService, `digits`."""

    def __init__(self, spec: dict[str, Any] | None = None, settings: OperatorSettings = SETTINGS, bad: tuple[str, ...] = (BAD,)) -> None:
        self.settings, self.now = settings, START
        self.cache = Cache()
        self.objects: dict[tuple[str, tuple[str, str]], dict[str, Any]] = {}
        self.told: dict[tuple[str, str], Record] = {}
        self.bad = set(bad)
        self.schedulable = True
        self.broken_how = "DEPLOY_FAILED"
        self._version = self._clusters = 0
        self.submitted: dict[str, str] = {}
        for tenant in ("harbour", "lighthouse"):
            namespaces = {"namespaces": ["default"]} if tenant == "harbour" else {}
            self.store(resource("Tenant", tenant, {"plan": "standard", **namespaces}, namespace=None))
        wishes = spec or {"model": {"trainingJob": "digits"}, "access": {"tenants": ["harbour", "lighthouse"]}}
        self.store(resource("ModelService", "digits", wishes))

    # The API server.

    def store(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create or replace."""
        self._version += 1
        body = copy.deepcopy(body)
        body["metadata"].setdefault("uid", f"uid-{self._version}")
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[body["kind"], key_of(body)] = body
        self.cache.put(copy.deepcopy(body))
        return body

    def get(self, kind: str, name: str = "digits", namespace: str = "default") -> dict[str, Any] | None:
        return self.objects.get((kind, (namespace, name)))

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [body for (one, _), body in sorted(self.objects.items()) if one == kind]

    def remove(self, body: dict[str, Any]) -> None:
        self.objects.pop((body["kind"], key_of(body)), None)
        self.cache.remove(body)

    def do(self, action: Any) -> None:
        """One action of a plan, as the applier does it."""
        match action:
            case Apply(manifests):
                for manifest in manifests:
                    if not action.existing_stays or self.objects.get((manifest["kind"], key_of(manifest))) is None:
                        self._apply(manifest)
            case SetStatus(ref, status):
                found = self.get(ref.kind, ref.name, ref.namespace or "")
                assert found is not None
                self.store({**found, "status": status})
            case Delete(ref, uid):
                found = self.get(ref.kind, ref.name, ref.namespace or "")
                if found is not None and found["metadata"]["uid"] == uid:
                    self.remove(found)
            case Patch(ref, uid, operations):
                self._patch(ref, uid, operations)
            case Record():
                self.told.setdefault((action.reason, action.message), action)
            case _:
                raise AssertionError(f"no ModelService needs {action}")

    def _apply(self, manifest: dict[str, Any]) -> None:
        old = self.objects.get((manifest["kind"], key_of(manifest)))
        if old is None:
            self.store(manifest)
            return
        if manifest["kind"] == "ControllerRevision":
            assert old["data"] == manifest["data"], "the API server refuses another data"
        kept = {"uid": old["metadata"]["uid"]}
        status = {"status": old["status"]} if "status" in old else {}
        self.store({**manifest, "metadata": {**manifest["metadata"], **kept}, **status})

    def _patch(self, ref: Any, uid: str, operations: Any) -> None:
        found = self.get(ref.kind, ref.name, ref.namespace)
        assert ref.kind == "RayCluster"
        if found is None or found["metadata"]["uid"] != uid:
            return
        for operation in operations:
            field = operation["path"].removeprefix("/spec/workerGroupSpecs/0/")
            found["spec"]["workerGroupSpecs"][0][field] = operation["value"]
        self.store(found)

    # The operator.

    @property
    def service(self) -> ModelService:
        found = self.cache.resource("ModelService", "default", "digits")
        assert isinstance(found, ModelService)
        return found

    def observe(self) -> ObservedModelService:
        return observe_model_service(self.cache, self.service, self.settings)

    def plan(self) -> Plan:
        seen = self.observe()
        first = decide_model_service(seen, self.settings, self.now)
        assert first == decide_model_service(seen, self.settings, self.now)
        return first

    def reconcile(self, killed_after: int | None = None) -> Plan:
        """killed_after: only so many of the plan's actions are done."""
        plan = self.plan()
        for action in plan.actions[:killed_after]:
            self.do(action)
        return plan

    # Whoever uses the cluster.

    def edit(self, **spec: Any) -> None:
        """Change the ModelService's spec."""
        body = self.get("ModelService")
        assert body is not None
        metadata = {**body["metadata"], "generation": body["metadata"]["generation"] + 1}
        changed = {**body, "metadata": metadata, "spec": {**body["spec"], **spec}}
        parse_resource(changed, "test")
        self.store(changed)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # KubeRay, Ray Serve and the scheduler.

    def kuberay(self) -> None:
        """One reconciliation of the RayService."""
        ray_service = self.get("RayService")
        if ray_service is None:
            return
        status = copy.deepcopy(ray_service.get("status") or {})
        active_name = (status.get("activeServiceStatus") or {}).get("rayClusterName")
        pending_name = (status.get("pendingServiceStatus") or {}).get("rayClusterName")
        if pending_name and self.get("RayCluster", pending_name) is None:
            self._make_cluster(pending_name, ray_service)
        active, pending = (self.get("RayCluster", name) if name else None for name in (active_name, pending_name))
        goal = _hash(ray_service["spec"]["rayClusterConfig"])
        applications: dict[str, Any] = {}
        serving = pending or (active if active is not None and active["hash"] == goal else None)
        if serving is not None:
            applications = self._applications(serving)
            self.submitted[serving["metadata"]["name"]] = ray_service["spec"]["serveConfigV2"]
        promoted = pending is not None and applications["digits"]["status"] == "RUNNING"
        if promoted:
            active_name, pending_name, active, pending = pending_name, None, pending, None
        elif (pending or active or {}).get("hash") != goal:
            self._clusters += 1
            pending_name, applications = f"digits-c{self._clusters}", applications if pending is None else {}
        self._report(
            ray_service, active_name, pending_name, applications if serving is active else {}, applications if serving is pending else {}
        )

    def _report(self, ray_service: dict[str, Any], active: Any, pending: Any, active_apps: Any, pending_apps: Any) -> None:
        endpoints = any(p["metadata"]["labels"]["ray.io/cluster"] == active and _ready(p) for p in self.all("Pod"))
        status = {
            "conditions": [{"type": "Ready", "status": "True" if endpoints else "False", "reason": "NonZeroServeEndpoints", "message": ""}],
            "activeServiceStatus": {"rayClusterName": active, "applicationStatuses": active_apps} if active else {},
            "pendingServiceStatus": {"rayClusterName": pending, "applicationStatuses": pending_apps} if pending else {},
        }
        if ray_service.get("status") != status:
            self.store({**ray_service, "status": status})

    def _make_cluster(self, name: str, ray_service: dict[str, Any]) -> None:
        spec = copy.deepcopy(ray_service["spec"]["rayClusterConfig"])
        metadata = {"name": name, "namespace": "default", "labels": ray_service["metadata"]["labels"]}
        body = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": metadata, "spec": spec, "hash": _hash(spec)}
        self.store(body)
        self.pods_follow(name)

    def pods_follow(self, name: str) -> None:
        """The RayCluster's controller: as many worker pods as the group is to have; the kubelet: they run, if they are scheduled."""
        cluster = self.get("RayCluster", name)
        assert cluster is not None
        group = cluster["spec"]["workerGroupSpecs"][0]
        wanted = {"head": (cluster["spec"]["headGroupSpec"], 1), "worker": (group, group["replicas"])}
        for role, (spec, count) in wanted.items():
            for index in range(max(count, 12)):
                pod = self.get("Pod", f"{name}-{role}-{index}")
                if index >= count and pod is not None:
                    self.remove(pod)
                if index < count and pod is None:
                    self._make_pod(name, role, index, spec["template"])

    def _make_pod(self, cluster: str, role: str, index: int, template: dict[str, Any]) -> None:
        metadata = copy.deepcopy(template["metadata"])
        metadata |= {"name": f"{cluster}-{role}-{index}", "namespace": "default"}
        metadata["labels"] |= {"ray.io/cluster": cluster, "ray.io/node-type": role}
        self.store({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": {}})
        self.kubelet()

    def kubelet(self) -> None:
        """Pods become ready, or are not scheduled."""
        for pod in self.all("Pod"):
            said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
            ready = {"type": "Ready", "status": "True" if self._can_serve(pod) else "False"}
            status = {"phase": "Running", "conditions": [ready]} if self.schedulable else {"phase": "Pending", "conditions": [said]}
            if pod["status"] != status:
                self.store({**pod, "status": status})

    def _can_serve(self, pod: dict[str, Any]) -> bool:
        cluster = pod["metadata"]["labels"]["ray.io/cluster"]
        config = json.loads(self.submitted.get(cluster, "{}"))
        digest = config["applications"][0]["args"]["digest"] if config else None
        return pod["metadata"]["labels"]["ray.io/node-type"] == "head" or (digest is not None and digest not in self.bad)

    def _applications(self, cluster: dict[str, Any]) -> dict[str, Any]:
        name = cluster["metadata"]["name"]
        config = json.loads(self.submitted.get(name, "{}"))
        workers = [p for p in self.all("Pod") if p["metadata"]["labels"]["ray.io/cluster"] == name]
        if not config or not workers or not self.schedulable:
            return {"digits": {"status": "DEPLOYING", "message": ""}}
        self.kubelet()
        if config["applications"][0]["args"]["digest"] not in self.bad:
            return {"digits": {"status": "RUNNING", "message": ""}}
        message = (
            "Deploying failed:\nTraceback (most recent call last):\n  File x\nmoorage_api.errors.InvalidInput: model.onnx: digest differs"
        )
        return {"digits": {"status": self.broken_how, "message": message if self.broken_how == "DEPLOY_FAILED" else ""}}

    def collect(self) -> None:
        """Ray clusters that are neither active nor pending go, with their pods."""
        status = (self.get("RayService") or {}).get("status") or {}
        named = {(status.get(f"{which}ServiceStatus") or {}).get("rayClusterName") for which in ("active", "pending")}
        for cluster in self.all("RayCluster"):
            if cluster["metadata"]["name"] not in named:
                self.remove(cluster)
        for pod in self.all("Pod"):
            if self.get("RayCluster", pod["metadata"]["labels"]["ray.io/cluster"]) is None:
                self.remove(pod)

    def settle(self, rounds: int = 60, seconds: float = 20.0) -> None:
        """Let everybody work until nothing changes any more. Fails if it does not come to that."""
        still = 0
        for _ in range(rounds):
            before = self._version
            self.reconcile()
            self.kuberay()
            for cluster in self.all("RayCluster"):
                self.pods_follow(cluster["metadata"]["name"])
            self.kubelet()
            self.collect()
            self.wait(seconds)
            still = still + 1 if self._version == before else 0
            if still > self.settings.rollout_deadline_seconds / seconds + 2:
                return
        raise AssertionError(f"no fixed point; the last plan is {self.plan()}")

    # What the tests ask.

    def condition(self, type_: str) -> tuple[str, str]:
        found = next(c for c in (self.service.status.conditions if self.service.status else []) if c.type == type_)
        return found.status, found.reason

    def message(self, type_: str) -> str:
        assert self.service.status is not None
        return next(c.message for c in self.service.status.conditions if c.type == type_)

    @property
    def active_revision(self) -> str | None:
        name = (((self.get("RayService") or {}).get("status") or {}).get("activeServiceStatus") or {}).get("rayClusterName")
        cluster = self.get("RayCluster", name) if name else None
        return cluster["spec"]["headGroupSpec"]["template"]["metadata"]["annotations"][names.REVISION] if cluster else None


def _ready(pod: dict[str, Any]) -> bool:
    worker = pod["metadata"]["labels"]["ray.io/node-type"] == "worker"
    return worker and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def _hash(spec: dict[str, Any]) -> str:
    bare = copy.deepcopy(spec)
    for group in bare["workerGroupSpecs"]:
        for field in ("replicas", "minReplicas", "maxReplicas"):
            group.pop(field, None)
    return digest_of(bare)
