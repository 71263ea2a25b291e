"""The privacy ledger's answer to a plan: asked for once the plan is known, given to the attempt that asked."""

from __future__ import annotations

from dataclasses import dataclass

from moorage_api.conditions import condition
from moorage_api.dataset import Dataset
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_config import Admission
from moorage_operator.plan import Action, Apply, Reserve
from moorage_operator.training_job.children import admission_map
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.run_identity import holder_of
from moorage_operator.training_job.step import End, State

ASKING = "Asking"


@dataclass(frozen=True)
class AdmissionStep:
    """What BudgetReserved says, what is done, and whether the run ends for want of budget."""

    reserved: State
    actions: tuple[Action, ...] = ()
    end: End | None = None
    again_seconds: float | None = None


def admission_of(seen: ObservedTrainingJob) -> AdmissionStep | None:
    """The step for a run that waits with a plan; None if it does not wait, or is under no budget."""
    report = seen.report
    if not seen.is_private or report is None or report.phase != "Planned" or report.plan is None or report.plan.mechanism is None:
        return None
    planned, budget = report.plan.mechanism, seen.records.budget
    if seen.holding is not None and seen.holding.state == "Reserved" and seen.holding.mechanism == planned:
        granted = Admission(granted=True, attempt=seen.attempt, mechanism=planned)
        # Applied at every look while the run waits: nobody here watches this ConfigMap.
        told = f"in the privacy ledger of {budget.ref}" if budget is not None else "in the privacy ledger"
        return AdmissionStep(("True", "Reserved", told), (Apply((admission_map(seen, granted),)),))
    if budget is None:
        return AdmissionStep(("Unknown", "BudgetGone", "the run waits for an answer, and the Dataset with the budget is gone"))
    asked = condition(seen.status, "BudgetReserved")
    # A refusal that was given before this plan was asked for is none of it.
    if seen.refusal is not None and asked is not None and asked.reason == ASKING:
        answer = Admission(granted=False, message=seen.refusal, attempt=seen.attempt, mechanism=planned)
        end = End(False, "PrivacyBudgetExceeded", seen.refusal)
        return AdmissionStep(("False", "BudgetExceeded", seen.refusal), (Apply((admission_map(seen, answer),)),), end)
    reserve = _reserve(seen, budget, planned)
    return AdmissionStep(("Unknown", ASKING, f"the plan is put to the privacy ledger of {budget.ref}"), reserve, None, 0.0)


def _reserve(seen: ObservedTrainingJob, dataset: Dataset, planned: PrivacyMechanism) -> tuple[Action, ...]:
    budget = dataset.spec.privacy_budget
    if budget is None:
        return ()
    return (Reserve(seen.records.account, dataset.ref, budget, holder_of(seen.job), seen.job.ref, planned),)
