"""What is done for each kind of key: observe from the cache (and the ledger), decide, apply."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from moorage_api.clock import utc_now
from moorage_api.dataset import Dataset
from moorage_api.errors import InvalidInput, Unavailable
from moorage_api.ledger_api import PrivacyStatement
from moorage_api.model_service import ModelService
from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob
from moorage_billing.remote import RemoteLedger
from moorage_operator.accounts.account import account_uri
from moorage_operator.accounts.catalogue import catalogue, decide_catalogue, digest_of
from moorage_operator.accounts.decide_dataset import decide_dataset
from moorage_operator.accounts.decide_price_plan import decide_price_plan
from moorage_operator.accounts.decide_tenant import decide_tenant
from moorage_operator.apply import Applier, in_thread
from moorage_operator.cache import Cache
from moorage_operator.dependents import CATALOGUE, METERING, WorkKey
from moorage_operator.metering.meter import Meter
from moorage_operator.metrics import OperatorMetrics
from moorage_operator.model_service.decide import decide_model_service
from moorage_operator.model_service.observe import observe_model_service
from moorage_operator.model_service.upkeep import keep_up_model_service
from moorage_operator.plan import Plan, PutEvents
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.decide import decide_training_job
from moorage_operator.training_job.observe import PrivacyHolding, observe_training_job
from moorage_operator.training_job.run_identity import holder_of
from moorage_operator.training_job.upkeep import keep_up_training_job

LEDGER_VIEWS = WorkKey("LedgerViews")
VIEWS_SECONDS = 30.0
"""How old the number of active keys and the tenants' costs may be."""
_log = logging.getLogger(__name__)


class Steps:
    """One operator's. add: puts a key into the queue."""

    def __init__(
        self,
        settings: OperatorSettings,
        cache: Cache,
        applier: Applier,
        ledger: RemoteLedger,
        metrics: OperatorMetrics,
        add: Callable[[WorkKey], None],
    ) -> None:
        self._settings, self._cache, self._applier, self._ledger = settings, cache, applier, ledger
        self._metrics, self._add = metrics, add
        self._meter = Meter(settings)
        self._put_digest: str | None = None
        self._active_keys: dict[str, int] | None = None
        self._due_for_upkeep: set[WorkKey] = set()

    def by_kind(self) -> dict[str, Callable[[WorkKey], Awaitable[float | None]]]:
        """The step of each kind of key."""
        return {
            "TrainingJob": self.training_job,
            "ModelService": self.model_service,
            METERING.kind: self.metering,
            CATALOGUE.kind: self.catalogue,
            LEDGER_VIEWS.kind: self.ledger_views,
            "Dataset": self.dataset,
            "Tenant": self.tenant,
            "PricePlan": self.price_plan,
        }

    def keep_up(self, key: WorkKey) -> None:
        """The next look at `key`, if there is work that runs, sees to what stands around it too."""
        if key.kind in ("TrainingJob", "ModelService"):
            self._due_for_upkeep.add(key)

    async def training_job(self, key: WorkKey) -> float | None:
        """A TrainingJob that is gone needs nothing: what had to be settled was settled before its finalizer went."""
        upkeep, job = self._is_due(key), self._cache.resource("TrainingJob", key.namespace, key.name)
        if not isinstance(job, TrainingJob):
            return None
        seen = observe_training_job(self._cache, job, None)
        if seen.is_private:
            seen = observe_training_job(self._cache, job, await self._holding(job))
        if upkeep:
            await self._applier.apply(keep_up_training_job(seen, self._settings))
        return await self._apply(decide_training_job(seen, self._settings, utc_now()))

    async def model_service(self, key: WorkKey) -> float | None:
        """A ModelService that is gone needs nothing: its children go with it."""
        upkeep, service = self._is_due(key), self._cache.resource("ModelService", key.namespace, key.name)
        if not isinstance(service, ModelService):
            return None
        seen = observe_model_service(self._cache, service, self._settings)
        if upkeep:
            await self._applier.apply(keep_up_model_service(seen, self._settings))
        return await self._apply(decide_model_service(seen, self._settings, utc_now()))

    async def metering(self, _key: WorkKey) -> float | None:
        """Bill what pods have held, and let go of those whose last second is in the ledger."""
        plan = self._meter.plan(self._cache.all("Pod"), utc_now())
        for action in plan.actions:
            await self._applier.apply(Plan((action,)))
            if isinstance(action, PutEvents):
                self._metrics.infrastructure(self._meter.done(Plan((action,))))
        await self._refresh_costs(plan)
        return self._settings.metering_seconds if plan.look_again_seconds is None else plan.look_again_seconds

    async def _refresh_costs(self, plan: Plan) -> None:
        """Ask the ledger what the jobs whose use was just billed have cost.

        It cannot say for a tenant that is gone, or has no readable plan; that job's cost stays what it was, and the others' do not wait.
        """
        events = [event for action in plan.actions if isinstance(action, PutEvents) for event in action.events]
        jobs = {event.subject.uid: event.subject for event in events if event.subject.kind == "TrainingJob"}
        for uid, subject in jobs.items():
            try:
                cost = await in_thread(partial(self._ledger.cost, "TrainingJob", uid))
            except InvalidInput as error:
                _log.info("no cost of TrainingJob %s/%s: %s", subject.namespace, subject.name, error)
                continue
            if cost.cost is not None and self._cache.costs.get(uid) != cost.cost:
                self._cache.costs[uid] = cost.cost
                self._add(WorkKey("TrainingJob", subject.namespace, subject.name))

    async def catalogue(self, _key: WorkKey) -> float | None:
        """Tell the ledger what Tenants and PricePlans there are."""
        wanted = catalogue(self._cache, await in_thread(self._ledger.catalogue))
        if decide_catalogue(wanted, self._put_digest):
            await in_thread(partial(self._ledger.put_catalogue, wanted.tenants, wanted.plans))
            self._put_digest = digest_of(wanted)
        return None

    async def ledger_views(self, _key: WorkKey) -> float | None:
        """What changes at the ledger without a change in the cluster: keys that were made, what tenants owe."""
        self._active_keys = await in_thread(self._ledger.active_keys)
        self._metrics.tenant_costs(await in_thread(self._ledger.tenant_costs))
        for body in self._cache.all("Tenant"):
            self._add(WorkKey("Tenant", "", body["metadata"]["name"]))
        return VIEWS_SECONDS

    async def dataset(self, key: WorkKey) -> float | None:
        """What was spent and is reserved of its budget."""
        dataset = self._cache.resource("Dataset", key.namespace, key.name)
        if not isinstance(dataset, Dataset):
            return None
        statement = await self._statement(dataset)
        datasets = [one for one in self._cache.resources("Dataset") if isinstance(one, Dataset)]
        return await self._apply(decide_dataset(dataset, datasets, statement, utc_now()))

    async def tenant(self, key: WorkKey) -> float | None:
        """Its plan and its keys."""
        tenant = self._cache.resource("Tenant", None, key.name)
        if not isinstance(tenant, Tenant):
            return None
        keys = None if self._active_keys is None else self._active_keys.get(key.name, 0)
        return await self._apply(decide_tenant(tenant, self._tenants(), self._plans(), keys, utc_now()))

    async def price_plan(self, key: WorkKey) -> float | None:
        """Who is on it."""
        plan = self._cache.resource("PricePlan", None, key.name)
        if not isinstance(plan, PricePlan):
            return None
        return await self._apply(decide_price_plan(plan, self._tenants(), utc_now()))

    def _tenants(self) -> list[Tenant]:
        return [one for one in self._cache.resources("Tenant") if isinstance(one, Tenant)]

    def _plans(self) -> list[PricePlan]:
        return [one for one in self._cache.resources("PricePlan") if isinstance(one, PricePlan)]

    async def _statement(self, dataset: Dataset) -> PrivacyStatement | None:
        if dataset.spec.privacy_budget is None:
            return None
        account = account_uri(dataset.spec.uri, dataset.metadata.namespace or "default")
        try:
            return await in_thread(partial(self._ledger.statement, account, dataset.spec.privacy_budget))
        except Unavailable as error:
            _log.warning("%s: %s", dataset.ref, error)
            return None

    def _is_due(self, key: WorkKey) -> bool:
        """Once for each time that it was asked for."""
        due = key in self._due_for_upkeep
        self._due_for_upkeep.discard(key)
        return due

    async def _apply(self, plan: Plan) -> float | None:
        await self._applier.apply(plan)
        return plan.look_again_seconds

    async def _holding(self, job: TrainingJob) -> PrivacyHolding | None:
        holder = holder_of(job)
        found = await in_thread(lambda: self._ledger.holding(holder))
        return None if found is None else PrivacyHolding(found.state, found.mechanism)
