"""A cluster in memory for one TrainingJob: an API server's store, watches that lag, KubeRay, pods, a driver with its volume, a ledger.

The operator's part is the real one: Cache, observe, decide. Everything else does, a step at a time, what the real thing does in an
order that nobody promised. What must never happen is checked at the moment at which it would.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage_api.clock import timestamp
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_config import Admission, RunConfig
from moorage_api.training_job import TrainingJob
from moorage_operator import names
from moorage_operator import plan as plans
from moorage_operator.cache import Cache
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.decide import decide_training_job
from moorage_operator.training_job.observe import PrivacyHolding, observe_training_job
from moorage_operator.training_job.run_identity import holder_of

Body = dict[str, Any]
NAMESPACE, JOB = "team-a", "digits"
SPEC: Body = {
    "dataset": {"name": "d"},
    "task": {"type": "TabularClassification"},
    "optimization": {"steps": 10},
    "privacy": {"epsilon": 4, "delta": 1e-5},
    "gates": [{"metric": "accuracy", "minimum": 0.8}],
    "resources": {"workers": 2},
    "runPolicy": {"backoffLimit": 2},
}
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
MECHANISM = PrivacyMechanism(sampling_rate=0.1, noise_multiplier=1.0, steps=40)
SETTINGS = OperatorSettings.from_wire(
    {
        "namespace": "moorage",
        "ledger": {"url": "http://ledger"},
        "images": {"runtime": "moorage/runtime:1"},
        "nodePools": {"default": {}, "gpu": {"gpuResourceName": "nvidia.com/gpu", "nodeSelector": {"pool": "gpu"}}},
    }
)


def digits_world(budget_steps: int = 10_000, **changes: Any) -> ClusterWorld:
    """A world with one private job on a Dataset with a budget; changes: fields of its spec."""

    def body(kind: str, name: str, spec: Body) -> Body:
        place = {"namespace": NAMESPACE} if kind == "Dataset" else {}
        return {"apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": {"name": name, **place}, "spec": spec}

    budget = {"uri": "sklearn://digits", "format": "Bundled", "privacyBudget": {"epsilon": 8, "delta": 1e-5}}
    tenant = body("Tenant", "t", {"namespaces": [NAMESPACE], "plan": "p"})
    others = [body("Dataset", "d", budget), tenant, body("PricePlan", "p", {"currency": "USD"})]
    return ClusterWorld({**SPEC, **changes}, others, budget_steps)


class Conflict(Exception):
    """A write that was bound to an earlier version."""


class ClusterWorld:
    """`operator`, `deliver`, `kuberay`, `kubelet`, `driver`, `meter` are steps of the several processes; the rest is done to the world."""

    def __init__(self, spec: Body, others: list[Body], budget_steps: int = 10_000) -> None:
        self.now, self.version, self._uid = START, 0, 0
        self.store: dict[tuple[str, str], Body] = {}
        self.cache, self._undelivered = Cache(), []
        self.holdings: dict[str, PrivacyHolding] = {}
        self.journal: dict[str, int] = {}
        self.budget_steps, self.ledger_away = budget_steps, False
        self.driver_of: dict[str, Body] = {}
        self.succeeded_folders: dict[str, Body] = {}
        self.started_attempts: list[tuple[str, int]] = []
        self.counted: list[tuple[str, int]] = []
        self.fate, self.quiet_death, self.pods_end_slowly = "Succeeded", False, False
        for body in others:
            self._write({**body, "metadata": {**body["metadata"]}})
        self._write(
            {
                "apiVersion": "moorage.dev/v1alpha1",
                "kind": "TrainingJob",
                "metadata": {"name": JOB, "namespace": NAMESPACE, "generation": 1},
                "spec": spec,
            }
        )
        self.deliver_all()

    # the API server

    def _write(self, body: Body, deliver: bool = False) -> Body:
        self.version += 1
        body = copy.deepcopy(body)
        if "uid" not in body["metadata"]:
            self._uid += 1
            body["metadata"]["uid"] = f"uid-{self._uid}"
        body["metadata"]["resourceVersion"] = str(self.version)
        key = (body["kind"], body["metadata"]["name"])
        if "deletionTimestamp" in body["metadata"] and not body["metadata"].get("finalizers"):
            self.store.pop(key, None)
            self._undelivered.append(("gone", body))
        else:
            self.store[key] = body
            self._undelivered.append(("put", body))
        if deliver:
            self.cache.put(body)
        return body

    def _delete(self, kind: str, name: str) -> None:
        body = copy.deepcopy(self.store[kind, name])
        body["metadata"].setdefault("deletionTimestamp", timestamp(self.now))
        self._write(body)

    def get(self, kind: str, name: str) -> Body | None:
        return self.store.get((kind, name))

    def all(self, kind: str) -> list[Body]:
        return [body for (k, _), body in sorted(self.store.items()) if k == kind]

    @property
    def job(self) -> Body | None:
        return self.get("TrainingJob", JOB)

    @property
    def ray_job(self) -> Body | None:
        return self.get("RayJob", JOB)

    def condition(self, type_: str) -> str:
        """`Status/Reason`, or nothing."""
        found = [c for c in ((self.job or {}).get("status") or {}).get("conditions", []) if c["type"] == type_]
        return f"{found[0]['status']}/{found[0]['reason']}" if found else ""

    # the watches

    def deliver(self, kind: str | None = None) -> bool:
        """The next event of a kind (any: the oldest) reaches the cache."""
        place = next((i for i, (_, body) in enumerate(self._undelivered) if kind is None or body["kind"] == kind), None)
        if place is None:
            return False
        what, body = self._undelivered.pop(place)
        if what == "put":
            self.cache.put(body)
        else:
            self.cache.remove(body)
        return True

    def deliver_all(self) -> None:
        while self.deliver():
            pass

    # the operator

    def look(self) -> plans.Plan:
        job = self.cache.resource("TrainingJob", NAMESPACE, JOB)
        if not isinstance(job, TrainingJob):
            return plans.Plan()
        seen = observe_training_job(self.cache, job, self.holdings.get(holder_of(job)))
        return decide_training_job(seen, SETTINGS, self.now)

    def operator(self, killed_after: int | None = None) -> bool:
        """One look, broken off after some actions; whether the world is another now."""
        before, plan = self._picture(), self.look()
        try:
            for action in plan.actions[:killed_after]:
                self.do(action)
        except Conflict:
            pass
        return self._picture() != before

    def restart_operator(self) -> None:
        """A new process: what was in memory only is gone, and everything is listed anew."""
        self.cache, self._undelivered = Cache(), []
        for body in self.store.values():
            self.cache.put(body)

    def _picture(self) -> str:
        return f"{self.version} {sorted(map(str, self.holdings.items()))} {self.cache.refusals}"

    def do(self, action: plans.Action) -> None:
        match action:
            case plans.Apply(manifests, _, existing_stays):
                for manifest in manifests:
                    self._apply(manifest, existing_stays)
            case plans.Delete(ref, uid, _):
                body = self.get(ref.kind, ref.name)
                if body is not None and body["metadata"]["uid"] == uid:
                    self._delete(ref.kind, ref.name)
            case plans.SetFinalizers(ref, finalizers, version):
                body = self.get(ref.kind, ref.name)
                if body is not None:
                    if body["metadata"]["resourceVersion"] != version:
                        raise Conflict
                    self._write({**body, "metadata": {**body["metadata"], "finalizers": list(finalizers)}}, deliver=True)
            case plans.SetStatus(ref, status):
                self._set_status(ref, status)
            case plans.Reserve():
                self._reserve(action)
            case plans.Settle(holder, executed):
                self._settle(holder, executed)
            case plans.Record():
                pass
            case _:
                raise AssertionError(action)

    def _apply(self, manifest: Body, existing_stays: bool) -> None:
        known = self.get(manifest["kind"], manifest["metadata"]["name"])
        if known is not None and existing_stays:
            return
        new = copy.deepcopy(manifest)
        if manifest["kind"] == "RayJob":
            new["metadata"].setdefault("finalizers", ["ray.io/rayjob-finalizer"])
            if known is None:
                annotations = new["metadata"]["annotations"]
                started = (annotations[names.RUN], int(annotations[names.ATTEMPT]))
                assert started not in self.counted, "an attempt that was counted is started again"
                self.started_attempts.append(started)
        if known is not None:
            kept = ("uid", "resourceVersion", "deletionTimestamp", "finalizers")
            new["metadata"] |= {field: known["metadata"][field] for field in kept if field in known["metadata"]}
            if "status" in known:
                new["status"] = known["status"]
            if new == known:
                return
        self._write(new, deliver=True)

    def _set_status(self, ref: plans.ObjectRef, status: Body) -> None:
        body = self.get(ref.kind, ref.name)
        if body is None:
            return
        old = body.get("status") or {}
        if status.get("run") == old.get("run") and status["attempts"] != old.get("attempts", 0):
            counted = (status["run"], old.get("attempts", 0) + 1)
            assert status["attempts"] == counted[1], "attempts are counted one at a time"
            assert counted not in self.counted, "an attempt is counted twice"
            self.counted.append(counted)
        assert TrainingJob.from_wire({**body, "status": status})
        if status != old:
            self._write({**body, "status": status}, deliver=True)

    # the ledger

    def _reserve(self, action: plans.Reserve) -> None:
        if self.ledger_away:
            raise Conflict
        held = self.holdings.get(action.holder)
        others = sum(h.mechanism.steps for key, h in self.holdings.items() if key != action.holder and h.state != "Released")
        fits = action.mechanism.steps + others <= self.budget_steps
        if held is None or held.state == "Released":
            if fits:
                self.holdings[action.holder] = PrivacyHolding("Reserved", action.mechanism)
        elif held.state != "Reserved" or held.mechanism != action.mechanism:
            fits = False
        if fits:
            self.cache.refusals.pop(action.holder, None)
        else:
            self.cache.refusals[action.holder] = "it does not fit"

    def _settle(self, holder: str, executed: PrivacyMechanism | None) -> None:
        held = self.holdings[holder]
        assert held.state == "Reserved", "what is settled is settled again"
        charged = held.mechanism if executed is None else executed
        assert charged.steps >= self.journal.get(holder, 0), "steps were executed that are not charged"
        state = "ChargedWhole" if executed is None else "Committed" if executed.steps else "Released"
        self.holdings[holder] = PrivacyHolding(state, charged)

    # KubeRay

    def kuberay(self) -> bool:
        """One step of its controller."""
        body = self.ray_job
        if body is None:
            return False
        if "deletionTimestamp" in body["metadata"]:
            self._delete_pods()
            self._write({**body, "metadata": {**body["metadata"], "finalizers": []}})
            return True
        status, suspend = dict(body.get("status") or {}), body["spec"].get("suspend", False)
        state = status.get("jobDeploymentStatus", "")
        if state in ("Initializing", "Running") and suspend:
            status["jobDeploymentStatus"] = "Suspending"
        elif state in ("Initializing", "Running"):
            get_on = self._get_ready if state == "Initializing" else self._advance
            if not get_on(body, status):
                return False
        elif state == "":
            self._uid += 1
            status |= {"jobDeploymentStatus": "Initializing", "startTime": timestamp(self.now), "rayClusterName": f"c{self._uid}"}
        elif state == "Suspending":
            self._delete_pods()
            status = {"jobDeploymentStatus": "Suspended"}
        elif state == "Suspended" and not suspend:
            status = {}
        else:
            return state in ("Complete", "Failed") and self._delete_pods()
        self._write({**body, "status": status})
        return True

    def _get_ready(self, body: Body, status: Body) -> bool:
        if self._make_pods(body, status):
            return True
        if not all(pod["status"].get("phase") == "Running" for pod in self._pods_of(status)):
            return False
        status["jobDeploymentStatus"] = "Running"
        return True

    def _advance(self, _body: Body, status: Body) -> bool:
        head = self._head(status)
        driver = self.driver_of.get(head["metadata"]["uid"]) if head else None
        if head is None:
            return False
        if driver is None:
            self._submit(head)
            status["jobStatus"] = "RUNNING"
            return True
        if not driver.get("exited"):
            return False
        good = driver["phase"] == "Succeeded"
        status |= {"jobStatus": "SUCCEEDED" if good else "FAILED", "endTime": timestamp(self.now)}
        status["jobDeploymentStatus"] = "Complete" if good else "Failed"
        return True

    def _submit(self, head: Body) -> None:
        config = RunConfig.model_validate_json(head["document"], by_alias=True)
        self.driver_of[head["metadata"]["uid"]] = {"config": config, "phase": "", "holder": config.folder.split("/runs/")[1]}

    def _pods_of(self, status: Body) -> list[Body]:
        return [pod for pod in self.all("Pod") if pod["metadata"]["labels"]["ray.io/cluster"] == status.get("rayClusterName")]

    def _head(self, status: Body) -> Body | None:
        pods = [p for p in self._pods_of(status) if p["metadata"]["labels"][names.ROLE] == "head"]
        alive = [p for p in pods if "deletionTimestamp" not in p["metadata"] and p["status"].get("phase") == "Running"]
        return alive[0] if alive else None

    def _make_pods(self, body: Body, status: Body) -> bool:
        """What the controller of the RayCluster does: a pod for each that is wanted, another for one that failed."""
        for pod in self._pods_of(status):
            if pod["status"].get("phase") == "Failed" and "deletionTimestamp" not in pod["metadata"]:
                self._delete("Pod", pod["metadata"]["name"])
                return True
        there = {pod["metadata"]["labels"][names.ROLE] for pod in self._pods_of(status)}
        cluster = body["spec"]["rayClusterSpec"]
        templates = {"head": cluster["headGroupSpec"]["template"], "worker": cluster["workerGroupSpecs"][0]["template"]}
        for template in (template for role, template in templates.items() if role not in there):
            self._uid += 1
            metadata = copy.deepcopy(template["metadata"]) | {"name": f"p{self._uid}", "namespace": NAMESPACE}
            metadata["labels"] |= {"ray.io/cluster": status["rayClusterName"]}
            self._write({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}})
        return len(there) < len(templates)

    def _delete_pods(self) -> bool:
        staying = [pod["metadata"]["name"] for pod in self.all("Pod") if "deletionTimestamp" not in pod["metadata"]]
        for name in staying:
            self._delete("Pod", name)
        return bool(staying)

    # the kubelet, the driver, the meter

    def kubelet(self, choice: int = 0) -> bool:
        """One pod starts, or one that is deleted ends: whichever is chosen of those that can."""
        live = [pod for pod in self.all("Pod") if pod["status"].get("phase") in ("Pending", "Running")]
        due = [pod for pod in live if pod["status"]["phase"] == "Pending" or self._is_ending(pod)]
        if not due:
            return False
        pod = due[choice % len(due)]
        if self._is_ending(pod):
            self._end_driver(pod["metadata"]["uid"])
            self._write({**pod, "status": {"phase": "Failed"}})
            return True
        document = self.get("ConfigMap", f"{JOB}-run")
        assert document is not None, "the RayJob stands, and what it needs does not"
        running = {"name": "ray", "state": {"running": {"startedAt": timestamp(self.now)}}}
        status = {"phase": "Running", "containerStatuses": [running]}
        self._write({**pod, "status": status, "document": document["data"]["run.json"]})
        return True

    def _is_ending(self, pod: Body) -> bool:
        return "deletionTimestamp" in pod["metadata"] and not self.pods_end_slowly

    def meter(self) -> bool:
        """One ended pod's last second gets into the ledger."""
        for pod in self.all("Pod"):
            if pod["status"].get("phase") in ("Failed", "Succeeded") and pod["metadata"].get("finalizers"):
                self._write({**pod, "metadata": {**pod["metadata"], "finalizers": []}})
                return True
        return False

    def driver(self) -> bool:
        """One step of the driver that lives."""
        for uid, driver in self.driver_of.items():
            if not driver.get("exited"):
                live = [d for d in self.driver_of.values() if not d.get("exited")]
                assert len(live) == 1, "two drivers at a time write into the volume"
                return self._drive(uid, driver)
        return False

    def _drive(self, uid: str, driver: Body) -> bool:
        config, holder, phase = driver["config"], driver["holder"], driver["phase"]
        if phase == "":
            done = self.succeeded_folders.get(holder)
            if done is not None:
                self._report(driver, "Succeeded")
                driver["exited"] = True
                return True
            if self.journal.get(holder, 0) < config.executed_steps_at_least:
                raise AssertionError("the operator knows of more steps than were executed")
            self._report(driver, "Starting")
        elif phase == "Starting":
            self._report(driver, "Planned")
        elif phase == "Planned":
            if config.admission_required and not driver.get("granted"):
                return self._admit(driver)
            self._report(driver, "Training")
        elif phase == "Training" and self.journal.get(holder, 0) < MECHANISM.steps:
            if config.admission_required:
                held = self.holdings.get(holder)
                assert held is not None, "a private step without a reservation"
                assert held.state == "Reserved", "a private step after the settlement"
            self.journal[holder] = self.journal.get(holder, 0) + 2
            if not self.quiet_death:
                self._report(driver, "Training")
        else:
            self._finish(driver)
        return True

    def _admit(self, driver: Body) -> bool:
        body = self.get("ConfigMap", f"{JOB}-admission")
        text = (body or {}).get("data", {}).get("admission.json", "")
        if not text:
            return False
        answer = Admission.model_validate_json(text, by_alias=True)
        if answer.attempt != driver["config"].attempt or answer.mechanism != MECHANISM:
            return False
        if not answer.granted:
            self._fail(driver, "Refused")
        driver["granted"] = answer.granted
        return True

    def _finish(self, driver: Body) -> None:
        if self.fate == "Succeeded":
            self.succeeded_folders[driver["holder"]] = {}
            self._report(driver, "Succeeded")
            driver["exited"] = True
        else:
            self._fail(driver, self.fate)

    def _fail(self, driver: Body, reason: str) -> None:
        self._report(driver, "Failed", {"reason": reason, "message": f"because of {reason}"})
        driver["exited"] = True

    def _end_driver(self, pod_uid: str) -> None:
        driver = self.driver_of.get(pod_uid)
        if driver is None or driver.get("exited"):
            return
        if not self.quiet_death:
            self._fail(driver, "Unavailable")
        driver["exited"] = True

    def _report(self, driver: Body, phase: str, failure: Body | None = None) -> None:
        driver["phase"], config = phase, driver["config"]
        executed = self.journal.get(driver["holder"], 0)
        spend = {"epsilonSpent": executed * 0.1, "delta": 1e-5, "accountant": "PRV", "mechanism": MECHANISM.to_wire() | {"steps": executed}}
        report: Body = {"phase": phase, "updatedAt": timestamp(self.now), "attempt": config.attempt}
        if phase not in ("", "Starting") and config.privacy is not None:
            report["plan"] = {"records": 9, "evaluationRecords": 1, "steps": 10, "mechanism": MECHANISM.to_wire()}
            report["privacy"] = spend
        if failure is not None:
            report["failure"] = failure
        if phase == "Succeeded":
            report["metrics"] = {"accuracy": 0.9}
            report["model"] = {"uri": f"{config.output}/abc", "digest": "sha256:" + "0" * 64}
        body = self.get("ConfigMap", f"{JOB}-report")
        if body is not None:
            self._write({**body, "data": {"report.json": json.dumps(report)}})

    # people and accidents

    def edit(self, **changes: Any) -> None:
        """Somebody changes fields of the spec."""
        body = self.job
        if body is not None:
            metadata = {**body["metadata"], "generation": body["metadata"]["generation"] + 1}
            self._write({**body, "metadata": metadata, "spec": {**body["spec"], **changes}})

    def delete_job(self) -> None:
        """Somebody deletes the TrainingJob."""
        if self.job is not None:
            self._delete("TrainingJob", JOB)

    def lose_head(self) -> None:
        """The head's node dies."""
        for pod in self.all("Pod"):
            if pod["metadata"]["labels"][names.ROLE] == "head" and pod["status"].get("phase") == "Running":
                driver = self.driver_of.get(pod["metadata"]["uid"])
                if driver is not None:
                    driver["exited"] = True
                self._write({**pod, "status": {"phase": "Failed"}})
                return

    def delete_ray_job(self) -> None:
        """Somebody deletes the RayJob."""
        if self.ray_job is not None:
            self._delete("RayJob", JOB)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def round(self) -> bool:
        """Everybody takes a step, and everything is delivered; whether anything moved."""
        moved = False
        for step in (self.operator, self.kuberay, self.kubelet, self.driver, self.meter):
            moved |= step()
            self.deliver_all()
            self.collect_garbage()
        return moved

    def run_fairly(self, rounds: int = 400) -> None:
        """Everybody gets on, and time passes, until nothing moves for ten minutes."""
        still = 0
        for _ in range(rounds):
            moved = self.round()
            self.pass_time(1.0 if moved else 30.0)
            still = 0 if moved else still + 1
            if still > 20:
                return
        raise AssertionError(f"no rest: {self.job} {self.ray_job}")

    def collect_garbage(self) -> None:
        """Children of an owner that is gone go."""
        if self.job is None:
            for kind, name in list(self.store):
                body = self.store[kind, name]
                owners = {o["kind"] for o in body["metadata"].get("ownerReferences", ())}
                if "TrainingJob" in owners and "deletionTimestamp" not in body["metadata"]:
                    self._delete(kind, name)
        if self.ray_job is None and self.all("Pod"):
            self._delete_pods()
