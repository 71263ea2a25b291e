"""What the privacy ledger tells of a data set: its account, with every job's part."""

from __future__ import annotations

import math
from dataclasses import dataclass

from moorage_api.dataset import PrivacyBudget
from moorage_api.ledger_api import JobSpending, PrivacyStatement
from moorage_api.privacy import PrivacyMechanism
from moorage_billing.privacy_holdings import DatasetKey, EntryKind


@dataclass(frozen=True)
class JobSpend:
    """One job's part. `epsilon`: of its mechanism alone; the parts do not add up, the composition is less."""

    job_uid: str
    job_ref: str
    state: EntryKind
    mechanism: PrivacyMechanism
    epsilon: float
    overrun: bool


@dataclass(frozen=True)
class Statement:
    """A data set's account at `budget.delta`, epsilons of compositions.

    spent: of what was run. reserved: of that and what running jobs hold. remaining: the budget less `reserved`, at least
    0, a lower bound of what another mechanism may add. overspent: `reserved` is above the budget.
    """

    dataset: DatasetKey
    budget: PrivacyBudget
    spent: float
    reserved: float
    jobs: tuple[JobSpend, ...]

    @property
    def remaining(self) -> float:
        """What is left of the budget's epsilon."""
        return max(0.0, self.budget.epsilon - self.reserved)

    @property
    def overspent(self) -> bool:
        """More is spent and reserved than the budget allows, as when it was lowered."""
        return self.reserved > self.budget.epsilon


def statement_document(statement: Statement) -> PrivacyStatement:
    """As it is sent and shown. Pure."""
    return PrivacyStatement(
        uri=statement.dataset.uri,
        budget=statement.budget,
        spent=_bound(statement.spent),
        reserved=_bound(statement.reserved),
        remaining=statement.remaining,
        overspent=statement.overspent,
        jobs=[
            JobSpending(
                holder=j.job_uid, job_ref=j.job_ref, state=j.state, mechanism=j.mechanism, epsilon=_bound(j.epsilon), overrun=j.overrun
            )
            for j in statement.jobs
        ],
    )


def _bound(epsilon: float) -> float | None:
    """JSON has no infinity."""
    return epsilon if math.isfinite(epsilon) else None
