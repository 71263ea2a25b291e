"""One TrainingJob as it stands, from the cache alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from moorage_api.dataset import Dataset
from moorage_api.errors import InvalidInput, Problem
from moorage_api.price_plan import PricePlan
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_report import RunReport
from moorage_api.tenancy import tenant_of
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob, TrainingJobStatus
from moorage_operator import names
from moorage_operator.cache import Cache
from moorage_operator.plan import ObjectRef
from moorage_operator.training_job.pods import Pod, pod_of
from moorage_operator.training_job.ray_job import RayJob, ray_job_of
from moorage_operator.training_job.records import NO_RECORDS, Records, output_folder, records_of
from moorage_operator.training_job.report import is_of_stretch, read_report
from moorage_operator.training_job.run_identity import holder_of, run_in_status, run_of


@dataclass(frozen=True)
class PrivacyHolding:
    """What the privacy ledger holds for a run: as planned while Reserved, as charged after."""

    state: Literal["Reserved", "Committed", "ChargedWhole", "Released"]
    mechanism: PrivacyMechanism


@dataclass(frozen=True)
class ObservedTrainingJob:
    """Everything that a decision is made from.

    run: that of the present spec. report: of the run in status, its present attempt and stretch; report_problem: why there is none
    that can be read. report_map_exists: whether the job has a ConfigMap to report in. missing: references that lead nowhere yet.
    refusal: the privacy ledger's last to this run. holding: None where it holds nothing.
    """

    job: TrainingJob
    run: str
    tenant: str
    finalizers: tuple[str, ...] = ()
    resource_version: str = ""
    deleting: bool = False
    records: Records = NO_RECORDS
    missing: tuple[Problem, ...] = ()
    ray_job: RayJob | None = None
    report: RunReport | None = None
    report_problem: str = ""
    report_map_exists: bool = False
    pods: tuple[Pod, ...] = field(default=())
    cost: str | None = None
    refusal: str | None = None
    holding: PrivacyHolding | None = None

    @property
    def status(self) -> TrainingJobStatus:
        return self.job.status or TrainingJobStatus()

    @property
    def generation(self) -> int:
        return self.job.metadata.generation or 1

    @property
    def attempt(self) -> int:
        """The number of the present attempt: one more than have ended badly."""
        return self.status.attempts + 1

    @property
    def ref(self) -> ObjectRef:
        """The TrainingJob."""
        return ObjectRef(self.job.api_version, self.job.kind, self.job.metadata.name, self.job.metadata.namespace)

    def is_present(self, ray_job: RayJob) -> bool:
        """Whether a RayJob is the present attempt's."""
        return ray_job.owner_uid == self.job.metadata.uid and ray_job.run == self.run and ray_job.attempt == self.attempt

    @property
    def is_private(self) -> bool:
        """Whether the run is, or may have been, under a privacy budget."""
        return self.records.budget is not None or names.PRIVACY_FINALIZER in self.finalizers


def observe_training_job(cache: Cache, job: TrainingJob, holding: PrivacyHolding | None) -> ObservedTrainingJob:
    """The job as the cache has it. holding: what the privacy ledger said of `holder_of(job)`."""
    namespace, name, uid = job.metadata.namespace, job.metadata.name, job.metadata.uid or ""
    metadata = (cache.get("TrainingJob", namespace, name) or {}).get("metadata", {})
    datasets = [d for d in cache.resources("Dataset") if isinstance(d, Dataset) and d.metadata.namespace == namespace]
    records = records_of(job, datasets)
    tenant, missing = _tenant(cache, job)
    ray_job = _ray_job(cache, job)
    report, report_problem, report_map_exists = _report(cache, job)
    return ObservedTrainingJob(
        job=job,
        run=run_of(job),
        # A Tenant that goes while the job runs still pays for it.
        tenant=tenant or (ray_job.tenant if ray_job is not None and ray_job.owner_uid == uid else ""),
        finalizers=tuple(metadata.get("finalizers") or ()),
        resource_version=metadata.get("resourceVersion", ""),
        deleting="deletionTimestamp" in metadata,
        records=records,
        missing=(*missing, *records.missing),
        ray_job=ray_job,
        report=report,
        report_problem=report_problem,
        report_map_exists=report_map_exists,
        pods=tuple(pod_of(body) for body in cache.owned("Pod", uid)),
        cost=cache.costs.get(uid),
        refusal=cache.refusals.get(holder_of(job)),
        holding=holding,
    )


def _ray_job(cache: Cache, job: TrainingJob) -> RayJob | None:
    body = cache.get("RayJob", job.metadata.namespace, job.metadata.name)
    return None if body is None else ray_job_of(body)


def _tenant(cache: Cache, job: TrainingJob) -> tuple[str, list[Problem]]:
    tenants = [t for t in cache.resources("Tenant") if isinstance(t, Tenant)]
    try:
        name = tenant_of(job, tenants)
    except InvalidInput as error:
        return "", list(error.problems)
    plans = [p.metadata.name for p in cache.resources("PricePlan") if isinstance(p, PricePlan)]
    plan = next(t.spec.plan for t in tenants if t.metadata.name == name)
    if plan in plans:
        return name, []
    known = f"known: {', '.join(sorted(plans))}" if plans else "there is no PricePlan yet: add one"
    return name, [Problem("no such PricePlan", f"Tenant {name}", "spec.plan", plan, known)]


def _report(cache: Cache, job: TrainingJob) -> tuple[RunReport | None, str, bool]:
    body = cache.get("ConfigMap", job.metadata.namespace, names.report_config_map(job.metadata.name))
    metadata = (body or {}).get("metadata", {})
    if body is None or (metadata.get("labels") or {}).get(names.UID) != (job.metadata.uid or ""):
        return None, "", False
    if (metadata.get("annotations") or {}).get(names.RUN) != run_in_status(job):
        return None, "", False
    report, problem = read_report(body.get("data") or {}, output_folder(job))
    status = job.status or TrainingJobStatus()
    if report is not None and (report.attempt != status.attempts + 1 or not is_of_stretch(report, status.active_since)):
        report = None
    return report, problem, True
