"""The engine's dealings with money and privacy: usage into the ledger, mechanisms into the privacy ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moorage_api.clock import timestamp
from moorage_api.dataset import Dataset
from moorage_api.errors import Refused
from moorage_api.price_plan import PricePlan
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_config import JobIdentity
from moorage_api.run_report import WorkerLifetime
from moorage_api.tenant import Tenant
from moorage_billing.compute_usage import training_usage
from moorage_billing.ledger import Ledger
from moorage_billing.object_cost import object_cost
from moorage_billing.privacy_holdings import DatasetKey
from moorage_billing.privacy_ledger import PrivacyLedger
from moorage_billing.shipper import drain
from moorage_cli.home import Home


class Accounts:
    """One home's ledgers. Safe beside other processes that use them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._usage = Ledger(home.ledger_url)
        self._privacy = PrivacyLedger(home.ledger_url)

    def reserve(self, dataset: Dataset, holder: str, job_ref: str, mechanism: PrivacyMechanism) -> str | None:
        """Hold the mechanism for a run in the Dataset's budget. Returns why not, or None where it is granted."""
        budget = dataset.spec.privacy_budget
        if budget is None:
            return None
        try:
            self._privacy.reserve(budget_key(dataset), budget, holder, job_ref, mechanism)
        except Refused as refusal:
            return str(refusal)
        return None

    def settle(self, holder: str, executed: PrivacyMechanism | None) -> None:
        """Charge what a run executed in place of what it held; None: nobody knows, so the whole. No step: nothing is charged."""
        if executed is None:
            self._privacy.charge_whole(holder)
        elif executed.steps == 0:
            self._privacy.release(holder)
        else:
            self._privacy.commit(holder, executed)

    def meter_training(self, job: JobIdentity, round_: int, workers: Sequence[WorkerLifetime], now: datetime, *, ended: bool) -> None:
        """Record what the workers held. `ended`: none of them lives any more, so what was last seen of each is its end.

        Workers are counted by attempt within a round of a generation; the two make them unique in the job.
        """
        final = {"finished": True} if ended else {}
        known = [w.model_copy(update={"worker": f"{job.generation}.{round_}/{w.worker}", **final}) for w in workers]
        events = training_usage(job, known, timestamp(now))
        self._usage.append_or_set_aside(events)

    def training_cost(self, uid: str, tenant: Tenant, plan: PricePlan) -> str:
        """What a TrainingJob has cost so far, in the plan's currency."""
        events = self._usage.events(tenant.metadata.name, kind="TrainingJob")
        return object_cost(events, plan, tenant, uid)

    def drain_outboxes(self) -> int:
        """Ship what every outbox of the home holds; how many events that was."""
        return sum(drain(outbox, self._home.ledger_url) for outbox in self._home.outboxes())

    def close(self) -> None:
        """Close the ledgers."""
        self._usage.close()
        self._privacy.close()


def budget_key(dataset: Dataset) -> DatasetKey:
    """What the privacy ledger calls the records: where they lie, so that a Dataset made anew gets nothing back."""
    return DatasetKey.of(dataset.spec.uri, dataset.ref)
