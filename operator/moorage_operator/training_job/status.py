"""A TrainingJob's status, from what was observed and what is done about it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moorage_api.conditions import with_condition
from moorage_api.gates import GateResult, judge
from moorage_api.privacy import PrivacySpend
from moorage_api.training_job import TrainingJobStatus
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.run_identity import run_in_status
from moorage_operator.training_job.step import End, State, Step

WAITING_FOR_PLAN: State = ("Unknown", "WaitingForPlan", "the plan is known once the records were read")


def status_after(seen: ObservedTrainingJob, step: Step, now: datetime) -> TrainingJobStatus:
    """What status says once `step` is decided; equal to what it said where nothing is new."""
    conditions = list(seen.status.conditions)
    for type_, state in _conditions(seen, step):
        truth, reason, message = state
        conditions = with_condition(conditions, type_, truth, reason, message, generation=seen.generation, now=now)
    if not seen.is_private:
        conditions = [c for c in conditions if c.type != "BudgetReserved"]
    update = {
        "observed_generation": seen.generation,
        "conditions": conditions,
        "run": run_in_status(seen.job),
        "cost": seen.cost if seen.cost is not None else seen.status.cost,
        **_facts(seen, step.end),
        **step.changes,
    }
    return seen.status.model_copy(update=update)


def fresh_status(seen: ObservedTrainingJob, step: Step, now: datetime) -> TrainingJobStatus:
    """The status with which the run of a changed spec begins: the figures of the one before are gone, what it cost stays."""
    before = TrainingJobStatus(conditions=seen.status.conditions, cost=seen.cost or seen.status.cost)
    conditions = list(before.conditions)
    for type_, state in _conditions(seen, step):
        truth, reason, message = state
        conditions = with_condition(conditions, type_, truth, reason, message, generation=seen.generation, now=now)
    return before.model_copy(update={"observed_generation": seen.generation, "conditions": conditions, "run": seen.run})


def renewed(seen: ObservedTrainingJob) -> TrainingJobStatus:
    """The status of a run that is over, as an answer to the present generation; whose edit changed nothing of what was run."""
    conditions = [c.model_copy(update={"observed_generation": seen.generation}) for c in seen.status.conditions]
    # What a run says as it is stopped comes after its end.
    spend = most_spent(seen.report.privacy if seen.report is not None else None, seen.status.privacy)
    update = {
        "observed_generation": seen.generation,
        "conditions": conditions,
        "cost": seen.cost or seen.status.cost,
        "privacy": spend,
    }
    return seen.status.model_copy(update=update)


def most_spent(one: PrivacySpend | None, other: PrivacySpend | None) -> PrivacySpend | None:
    """The one of more steps: what was executed does not become less because a later report knows less."""
    return max((s for s in (one, other) if s is not None), key=_steps, default=None)


def _steps(spend: PrivacySpend) -> int:
    return spend.mechanism.steps if spend.mechanism is not None else 0


def _conditions(seen: ObservedTrainingJob, step: Step) -> list[tuple[str, State]]:
    found: list[tuple[str, State]] = [("Accepted", step.accepted)]
    if seen.is_private:
        old = next((c for c in seen.status.conditions if c.type == "BudgetReserved"), None)
        kept: State = (old.status, old.reason, old.message) if old is not None else WAITING_FOR_PLAN
        found.append(("BudgetReserved", step.reserved or kept))
    found.append(("Running", step.running))
    if step.end is None:
        return [*found, ("Succeeded", ("Unknown", "InProgress", "")), ("GatesPassed", ("Unknown", "NotEvaluated", ""))]
    truth: State = ("True" if step.end.succeeded else "False", step.end.reason, step.end.message)
    return [*found, ("Succeeded", truth), ("GatesPassed", _gates_passed(seen, step.end))]


def _gates_passed(seen: ObservedTrainingJob, end: End) -> State:
    results = _judged(seen, end)
    if results is None:
        return "Unknown", "NotEvaluated", "there is no model"
    failed = [result.sentence for result in results if not result.passed]
    if failed:
        return "False", "GateFailed", "; ".join(failed)
    return "True", "Passed", f"{len(results)} gates" if len(results) != 1 else "1 gate"


def _judged(seen: ObservedTrainingJob, end: End) -> list[GateResult] | None:
    # Judged again: what the job's own pods say of their gates is not evidence.
    return judge(seen.job.spec.gates, seen.report.metrics) if end.succeeded and seen.report is not None else None


def _facts(seen: ObservedTrainingJob, end: End | None) -> dict[str, Any]:
    report = seen.report
    if report is None:
        return {}
    facts: dict[str, Any] = {
        "progress": report.progress or seen.status.progress,
        "privacy": most_spent(report.privacy, seen.status.privacy),
    }
    if end is not None:
        facts |= {"metrics": report.metrics, "gates": _judged(seen, end) or []}
        if end.succeeded:
            facts["model"] = report.model
    return facts
