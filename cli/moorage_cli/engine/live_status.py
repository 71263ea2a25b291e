"""What a status says that is true only at the moment of asking: keys that are active, epsilon that is left, whether anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from moorage_api.access_policy import AccessPolicy
from moorage_api.conditions import condition, with_condition
from moorage_api.dataset import Dataset, DatasetStatus, Spend
from moorage_api.manifest import AnyResource
from moorage_api.model_service import ModelService, ModelServiceStatus
from moorage_api.price_plan import PricePlan, PricePlanStatus
from moorage_api.tenant import Tenant, TenantStatus
from moorage_billing.privacy_ledger import PrivacyLedger
from moorage_cli.api_keys import is_active, read_policy
from moorage_cli.engine.accounts import budget_key
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home_lock import is_running

WHILE_RUNNING = ("Deploying", "HostFailed", "WaitingForModel")
"""Reasons that say nothing once the engine has stopped."""


@dataclass(frozen=True)
class LiveStatus:
    """The moment at which statuses are read."""

    store: ObjectStore
    now: datetime
    policy: AccessPolicy
    running: bool

    @classmethod
    def at(cls, store: ObjectStore, now: datetime) -> LiveStatus:
        """Look at the home once."""
        return cls(store, now, read_policy(store.home), is_running(store.home))

    def of(self, resource: AnyResource) -> AnyResource:
        """The resource with the status that is true now; nothing is stored."""
        if isinstance(resource, Dataset):
            status = self._dataset(resource)
            return resource if status is None else resource.model_copy(update={"status": status})
        if isinstance(resource, Tenant):
            keys = [k for access in self.policy.tenants if access.name == resource.metadata.name for k in access.keys]
            active = sum(is_active(key, self.now) for key in keys)
            return resource.model_copy(update={"status": TenantStatus(active_keys=active)})
        if isinstance(resource, PricePlan):
            count = sum(t.spec.plan == resource.metadata.name for t in self.store.all(Tenant))
            return resource.model_copy(update={"status": PricePlanStatus(tenants=count)})
        if isinstance(resource, ModelService) and not self.running:
            return resource.model_copy(update={"status": stopped(resource, self.now)})
        return resource

    def _dataset(self, dataset: Dataset) -> DatasetStatus | None:
        if dataset.spec.privacy_budget is None:
            return None
        ledger = PrivacyLedger(self.store.home.ledger_url)
        try:
            statement = ledger.statement(budget_key(dataset), dataset.spec.privacy_budget)
        finally:
            ledger.close()
        settled = [job for job in statement.jobs if job.state != "Reserved"]
        return DatasetStatus(
            observed_generation=dataset.metadata.generation or 1,
            spent=Spend(epsilon=statement.spent, jobs=len(settled)),
            reserved=Spend(epsilon=statement.reserved, jobs=len(statement.jobs)),
            remaining_epsilon=statement.remaining,
        )


def stopped(service: ModelService, now: datetime) -> ModelServiceStatus:
    """The status of a service while no `moorage run` serves it; a model that was refused stays refused, with its reason."""
    old = service.status or ModelServiceStatus()
    conditions = list(old.conditions)
    ready = condition(old, "Ready")
    if ready is None or ready.status == "True" or ready.reason in WHILE_RUNNING:
        generation = service.metadata.generation or 1
        message = "`moorage run` is not running"
        conditions = with_condition(conditions, "Ready", "False", "Stopped", message, generation=generation, now=now)
    return old.model_copy(update={"conditions": conditions, "url": None, "replicas": 0})
