"""The embedded engine: applies manifests to a home and drives their jobs and services, one tick at a time, in one thread."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from moorage_api.clock import utc_now
from moorage_api.conditions import condition, holds
from moorage_api.dataset import Dataset
from moorage_api.manifest import AnyResource
from moorage_api.model_service import ModelService
from moorage_api.tenancy import tenant_of
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob
from moorage_cli.api_keys import admit_tenants
from moorage_cli.engine.accounts import Accounts
from moorage_cli.engine.child_process import adopt_orphans, descendants, end_descendants
from moorage_cli.engine.decide_job import has_ended
from moorage_cli.engine.intake import check_for_this_machine
from moorage_cli.engine.job_runner import JobRunner
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.engine.references import Known, budget_over
from moorage_cli.engine.service_runner import ServiceRunner
from moorage_cli.engine.serving_host import ServingHost
from moorage_cli.home import Home

SWEEP_SECONDS = 3.0


@dataclass(frozen=True)
class Snapshot:
    """The jobs and services of the manifests as they stand; `done`: nothing will change any more without an edit."""

    jobs: Sequence[TrainingJob]
    services: Sequence[ModelService]
    done: bool

    @property
    def all_well(self) -> bool:
        """Every job succeeded and passed its gates (a suspended one waits), every service answers with the model it asked for."""
        jobs = all(is_suspended(j) or (_true(j, "Succeeded") and _true(j, "GatesPassed")) for j in self.jobs)
        return jobs and all(_true(s, "Ready") and not _keeps_earlier(s) for s in self.services)

    @property
    def exit_code(self) -> int:
        """0: all went well; 2: a job's input was wrong; 1: anything else failed or was refused."""
        if self.all_well:
            return 0
        ends = [condition(job.status, "Succeeded") for job in self.jobs]
        return 2 if any(end is not None and end.status == "False" and end.reason == "InvalidInput" for end in ends) else 1

    @property
    def services_ready(self) -> bool:
        """Whether any service answers."""
        return any(_true(s, "Ready") for s in self.services)


class EmbeddedEngine:
    """Use as: `with EmbeddedEngine(home, given) as engine: while not engine.tick().done: wait`. Main thread only."""

    def __init__(self, home: Home, given: Sequence[tuple[str, AnyResource]], port: int | None = None) -> None:
        """Check everything, then store it. Raises InvalidInput with nothing stored."""
        self.home = home
        self._bystanders = frozenset(descendants(os.getpid()))
        self.store = ObjectStore(home)
        known = check_for_this_machine(given, list(self.store.everything()))
        now = utc_now()
        applied = [self.store.apply(resource, now) for _, resource in given]
        admit_tenants(home, self.store.all(Tenant))
        self._accounts = Accounts(home)
        self._host = ServingHost(home, port)
        self._jobs = [self._runner(j, known) for j in applied if isinstance(j, TrainingJob)]
        self._services = [ServiceRunner(self.store, s, tenant_of(s, known.tenants)) for s in applied if isinstance(s, ModelService)]

    def __enter__(self) -> EmbeddedEngine:
        adopt_orphans()
        now = utc_now()
        for job in self._jobs:
            job.open(now)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tick(self) -> Snapshot:
        """Observe, decide and apply once for every job and service."""
        now = utc_now()
        for job in self._jobs:
            job.tick(slot_free=not any(other.alive for other in self._jobs), now=now)
        self._serve(now)
        jobs = [j.job for j in self._jobs]
        done = all(has_ended(j) or is_suspended(j) for j in jobs) and all(self._settled(s, now) for s in self._services)
        return Snapshot(jobs, [s.service for s in self._services], done)

    def close(self) -> None:
        """Stop everything that was started, ship what the outboxes hold, leave no process. Safe to call twice."""
        now = utc_now()
        self._host.ask_to_stop()
        for job in self._jobs:
            job.ask_to_stop()
        for job in self._jobs:
            job.close(now)
        self._host.stop()
        for service in self._services:
            service.close(now)
        end_descendants(SWEEP_SECONDS, spared=self._bystanders)
        self._accounts.drain_outboxes()
        self._accounts.close()

    def _serve(self, now: datetime) -> None:
        jobs = {(j.job.metadata.namespace, j.job.metadata.name): j.job for j in self._jobs}
        configs = []
        for service in self._services:
            name, namespace = service.service.spec.model.training_job, service.service.metadata.namespace
            job = None if name is None else jobs.get((namespace, name)) or self.store.find(TrainingJob, namespace, name)
            config = service.plan(job)
            if config is not None:
                configs.append(config)
        self._host.host(configs, now)
        states = self._host.states()
        for service in self._services:
            service.report(states.get(service.key), self._host.gave_up, now)

    def _settled(self, service: ServiceRunner, now: datetime) -> bool:
        if not service.choice.final:
            return False
        ready = holds(service.service.status, "Ready", service.service.metadata.generation or 1)
        return service.choice.uri is None or bool(ready) or bool(self._host.gave_up) or self._host.late(now)

    def _runner(self, job: TrainingJob, known: Known) -> JobRunner:
        name = job.spec.dataset.name
        records = self.store.find(Dataset, job.metadata.namespace, name) if name is not None else None
        over = budget_over(job, known)
        budgeted = self.store.find(Dataset, over.metadata.namespace, over.metadata.name) if over is not None else None
        return JobRunner(self.store, self._accounts, job, tenant_of(job, known.tenants), records, budgeted)


def is_suspended(job: TrainingJob) -> bool:
    """Whether the job waits for `runPolicy.suspend` to be set back."""
    running = condition(job.status, "Running")
    return not has_ended(job) and running is not None and running.reason == "Suspended"


def _keeps_earlier(service: ModelService) -> bool:
    ready = condition(service.status, "Ready")
    return ready is not None and ready.reason not in ("Passed", "Pinned")


def _true(resource: TrainingJob | ModelService, type_: str) -> bool:
    return holds(resource.status, type_, resource.metadata.generation or 1) is True
