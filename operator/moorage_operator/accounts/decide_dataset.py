"""What a Dataset's status says of its budget. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moorage_api.dataset import Dataset, DatasetStatus, Spend
from moorage_api.ledger_api import PrivacyStatement
from moorage_operator.accounts.ready import Verdict, report
from moorage_operator.accounts.two_budgets import two_budgets
from moorage_operator.plan import Plan

WATCH_SECONDS = 60.0
"""How soon to look again while a job holds a part of the budget: a settlement changes the ledger, not the Dataset."""


def decide_dataset(dataset: Dataset, datasets: Sequence[Dataset], statement: PrivacyStatement | None, now: datetime) -> Plan:
    """`datasets`: all there are. `statement`: of `account_of(dataset)` at its own budget; None if it has no budget, or the ledger does
    not answer.
    """
    if dataset.spec.privacy_budget is None:
        return report(dataset, DatasetStatus(), Verdict("True", "NoBudget", "jobs may use these records without a privacy budget"), now)
    problem = two_budgets(dataset, datasets)
    if problem is not None:
        return report(dataset, DatasetStatus(), Verdict("False", "TwoBudgets", str(problem)), now)
    if statement is None:
        verdict = Verdict("Unknown", "LedgerUnavailable", "the privacy ledger does not answer; the figures are those it last gave")
        return report(dataset, dataset.status or DatasetStatus(), verdict, now, WATCH_SECONDS)
    held = any(job.state == "Reserved" for job in statement.jobs)
    return report(dataset, _figures(statement), _verdict(statement), now, WATCH_SECONDS if held else None)


def _figures(statement: PrivacyStatement) -> DatasetStatus:
    """An epsilon that has no bound is left out."""
    settled = sum(job.state != "Reserved" for job in statement.jobs)
    return DatasetStatus(
        spent=None if statement.spent is None else Spend(epsilon=statement.spent, jobs=settled),
        reserved=None if statement.reserved is None else Spend(epsilon=statement.reserved, jobs=len(statement.jobs)),
        remaining_epsilon=statement.remaining,
    )


def _verdict(statement: PrivacyStatement) -> Verdict:
    budget = statement.budget
    if statement.overspent:
        used = "more than can be told" if statement.reserved is None else f"{statement.reserved:.4g}"
        message = f"epsilon {used} is spent or reserved, the budget is {budget.epsilon:g} at delta {budget.delta:g}: no job can start"
        return Verdict("False", "Overspent", message)
    return Verdict("True", "WithinBudget", f"epsilon {statement.remaining:.4g} of {budget.epsilon:g} is left at delta {budget.delta:g}")
