"""Observations for tables of decisions: a job, and what is there of it, in few words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage_api.clock import timestamp
from moorage_api.dataset import Dataset
from moorage_api.manifest import parse_resource
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_report import RunReport
from moorage_api.training_job import TrainingJob
from moorage_operator import plan as plans
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.decide import decide_training_job
from moorage_operator.training_job.observe import ObservedTrainingJob, PrivacyHolding
from moorage_operator.training_job.pods import Pod
from moorage_operator.training_job.ray_job import RayJob
from moorage_operator.training_job.records import records_of
from moorage_operator.training_job.render import policy_digest
from moorage_operator.training_job.run_identity import run_of, spec_digest

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UID = "0b0f5a4e-4f5c-4a64-9d3a-5b9b6b1f2c11"
MECHANISM = PrivacyMechanism(sampling_rate=0.1, noise_multiplier=1.0, steps=10)
SETTINGS = OperatorSettings.from_wire(
    {
        "namespace": "moorage",
        "ledger": {"url": "http://ledger"},
        "images": {"runtime": "registry.example/moorage-runtime:1"},
        "nodePools": {"default": {}, "gpu": {"gpuResourceName": "nvidia.com/gpu", "nodeSelector": {"pool": "gpu"}}},
    }
)
FINALIZER = ("moorage.dev/privacy",)
FIRST_WRITES = ["status", "apply PersistentVolumeClaim", "apply prerequisites", "apply RoleBinding", "apply RayJob"]
HEAD = Pod("digits-head", "head", "digits-abcde", "default", False, False, NOW - timedelta(seconds=60), None)


def ago(seconds: float) -> str:
    return timestamp(NOW - timedelta(seconds=seconds))


def job(status: dict[str, Any] | None = None, *, generation: int = 1, policy: dict[str, Any] | None = None, **spec: Any) -> TrainingJob:
    """`status`: its fields; the run is that of the spec unless it says otherwise."""
    document = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": "digits", "namespace": "team-a", "uid": UID, "generation": generation},
        "spec": {
            "dataset": {"uri": "sklearn://digits", "format": "Bundled"},
            "task": {"type": "TabularClassification"},
            "optimization": {"steps": 10},
            "runPolicy": policy or {},
            **spec,
        },
    }
    found = parse_resource(document, "test")
    assert isinstance(found, TrainingJob)
    if status is None:
        return found
    run = f"{generation}-{spec_digest(found.spec)}"
    return TrainingJob.from_wire({**document, "status": {"run": run, **status}})


def started(**status: Any) -> dict[str, Any]:
    """The status of a job whose RayJob stands."""
    return {"observedGeneration": 1, "rayJobName": "digits", "activeSince": ago(120), **status}


def condition(type_: str, truth: str, reason: str, seconds_ago: float = 60, message: str = "") -> dict[str, Any]:
    fields = {"type": type_, "status": truth, "reason": reason, "message": message}
    return {**fields, "lastTransitionTime": ago(seconds_ago), "observedGeneration": 1}


def ray_job(of: TrainingJob, deployment: str = "Running", job: str = "RUNNING", attempt: int = 1, **changes: Any) -> RayJob:
    found = RayJob(
        name="digits",
        uid="ray-uid",
        owner_uid=UID,
        tenant="harbour",
        run=run_of(of),
        attempt=attempt,
        policy=policy_digest(seen(of)),
        deleting=False,
        deployment=deployment,
        job=job,
        reason="",
        message="",
        cluster="digits-abcde",
        cluster_failure="",
        started_at=NOW - timedelta(seconds=100),
        ended_at=None,
    )
    return replace(found, **changes)


def report(
    phase: str, failure: str | None = None, *, seconds_ago: float = 1, attempt: int = 1, steps: int | None = None, **more: Any
) -> RunReport:
    document: dict[str, Any] = {"phase": phase, "updatedAt": ago(seconds_ago), "attempt": attempt}
    if failure is not None:
        document["failure"] = {"reason": failure, "message": "why"}
    if steps is not None:
        mechanism = MECHANISM.to_wire()
        document["plan"] = {"records": 9, "evaluationRecords": 1, "steps": 10, "mechanism": mechanism}
        document["privacy"] = {"epsilonSpent": 1.0, "delta": 1e-5, "accountant": "PRV", "mechanism": {**mechanism, "steps": steps}}
    return RunReport.from_wire(document)


def dataset(budget: bool = True, **spec: Any) -> Dataset:
    fields = {"uri": "sklearn://digits", "format": "Bundled", **spec}
    if budget:
        fields["privacyBudget"] = {"epsilon": 8, "delta": 1e-5}
    document = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Dataset", "metadata": {"name": "d", "namespace": "team-a"}, "spec": fields}
    found = parse_resource(document, "test")
    assert isinstance(found, Dataset)
    return found


def seen(of: TrainingJob | None = None, datasets: tuple[Dataset, ...] = (), **what: Any) -> ObservedTrainingJob:
    of = of or job()
    records = records_of(of, datasets)
    facts: dict[str, Any] = {"tenant": "harbour", "resource_version": "7", "report_map_exists": True, **what}
    return ObservedTrainingJob(job=of, run=run_of(of), records=records, missing=records.missing, **facts)


def running(
    of: TrainingJob | None = None,
    said: RunReport | None = None,
    pods: tuple[Pod, ...] = (HEAD,),
    datasets: tuple[Dataset, ...] = (),
    **what: Any,
) -> ObservedTrainingJob:
    """A job whose RayJob stands; the RayJob's own fields go by `deployment`, `state`, `attempt` and `with_`."""
    of = of or job(started())
    attempt = (of.status.attempts if of.status else 0) + 1
    fields = what.pop("with_", {})
    its = ray_job(of, what.pop("deployment", "Running"), what.pop("state", "RUNNING"), what.pop("attempt", attempt), **fields)
    return seen(of, datasets, ray_job=its, report=said, pods=pods, **what)


def reserved(steps: int = 10, state: str = "Reserved") -> PrivacyHolding:
    return PrivacyHolding(state, MECHANISM.model_copy(update={"steps": steps}))  # type: ignore[arg-type]


def decide(observed: ObservedTrainingJob, settings: OperatorSettings = SETTINGS) -> plans.Plan:
    return decide_training_job(observed, settings, NOW)


def words(plan: plans.Plan) -> list[str]:
    """The actions in a word or two each, Events left out."""
    return [word for action in plan.actions if (word := _word(action))]


def _word(action: plans.Action) -> str:
    match action:
        case plans.SetStatus():
            return "status"
        case plans.Record():
            return ""
        case plans.Apply(manifests):
            kinds = [m["kind"] for m in manifests]
            return f"apply {kinds[0] if len(kinds) == 1 else 'prerequisites'}"
        case plans.Delete(ref):
            return f"delete {ref.kind}"
        case plans.SetFinalizers(_, finalizers):
            return f"finalizers {','.join(finalizers)}"
        case plans.Settle(_, executed):
            return f"settle {'whole' if executed is None else executed.steps}"
        case _:
            return type(action).__name__.lower()


def states(plan: plans.Plan) -> dict[str, str]:
    """Conditions of the status that the plan writes: `Status/Reason` by type."""
    status = next((a.status for a in plan.actions if isinstance(a, plans.SetStatus)), {"conditions": []})
    return {c["type"]: f"{c['status']}/{c['reason']}" for c in status["conditions"]}


def written(plan: plans.Plan) -> dict[str, Any]:
    return next(a.status for a in plan.actions if isinstance(a, plans.SetStatus))
