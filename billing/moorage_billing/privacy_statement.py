"""What the privacy ledger tells of a data set: its account, with every job's part."""

from __future__ import annotations

from dataclasses import dataclass

from moorage_api.dataset import PrivacyBudget
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
