"""A cluster in memory for one TrainingJob: an API server's store, watches that lag, KubeRay, pods, a driver with its volume, a ledger.

The operator's part is the real one: Cache, observe, decide. Everything else does, a step at a time, what the real thing does in an
order that nobody promised. What must never happen is checked at the moment at which it would.
"""

from __future__ import annotations

from typing import Any

from unit.operator.training_job.object_store import JOB, NAMESPACE, Body
from unit.operator.training_job.workload_world import Workload

from moorage_api.privacy import PrivacyMechanism
from moorage_api.training_job import TrainingJob
from moorage_operator import names
from moorage_operator import plan as plans
from moorage_operator.cache import Cache
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.decide import decide_training_job
from moorage_operator.training_job.observe import PrivacyHolding, observe_training_job
from moorage_operator.training_job.run_identity import holder_of

SPEC: Body = {
    "dataset": {"name": "d"},
    "task": {"type": "TabularClassification"},
    "optimization": {"steps": 10},
    "privacy": {"epsilon": 4, "delta": 1e-5},
    "gates": [{"metric": "accuracy", "minimum": 0.8}],
    "resources": {"workers": 2},
    "runPolicy": {"backoffLimit": 2},
}
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


class ClusterWorld(Workload):
    """`operator`, `deliver`, `kuberay`, `kubelet`, `driver`, `meter` are steps of the several processes; the rest is done to the world."""

    def __init__(self, spec: Body, others: list[Body], budget_steps: int = 10_000) -> None:
        super().__init__()
        self.budget_steps, self.ledger_away = budget_steps, False
        self.started_attempts: list[tuple[str, int]] = []
        self.counted: list[tuple[str, int]] = []
        metadata = {"name": JOB, "namespace": NAMESPACE, "generation": 1}
        job = {"apiVersion": "moorage.dev/v1alpha1", "kind": "TrainingJob", "metadata": metadata, "spec": spec}
        for body in (*others, job):
            self._write(body)
        self.deliver_all()

    @property
    def job(self) -> Body | None:
        return self.get("TrainingJob", JOB)

    def condition(self, type_: str) -> str:
        """`Status/Reason`, or nothing."""
        found = [c for c in ((self.job or {}).get("status") or {}).get("conditions", []) if c["type"] == type_]
        return f"{found[0]['status']}/{found[0]['reason']}" if found else ""

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
        new = {**manifest, "metadata": {**manifest["metadata"]}}
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
