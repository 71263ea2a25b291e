"""A TrainingJob's status, from what was observed and what is done about it. Pure."""

from __future__ import annotations

from datetime import datetime

from moorage_api.conditions import Truth, with_condition
from moorage_api.meta import Condition
from moorage_api.run_report import RunReport
from moorage_api.training_job import TrainingJobStatus
from moorage_cli.engine.decide_job import Action, Finish, ObservedJob, RemoveRunFolder, Start, Wait, has_ended


def job_status(seen: ObservedJob, action: Action, now: datetime) -> TrainingJobStatus:
    """What status says once `action` is done. An ended job's status stays as it is."""
    old = seen.job.status or TrainingJobStatus()
    if has_ended(seen.job) or isinstance(action, RemoveRunFolder):
        return old
    conditions = list(old.conditions)
    for type_, truth, reason, message in _conditions(seen, action):
        conditions = with_condition(conditions, type_, truth, reason, message, generation=seen.generation, now=now)
    updated = old.model_copy(update={"observed_generation": seen.generation, "conditions": conditions})
    return updated.model_copy(update=_facts(seen.report, action)) if seen.report is not None else updated


def reopened(status: TrainingJobStatus, generation: int, now: datetime) -> TrainingJobStatus:
    """The status of a failed job that is tried once more: it has no longer ended."""
    conditions: list[Condition] = with_condition(
        list(status.conditions), "Succeeded", "Unknown", "Retried", "run again", generation=generation, now=now
    )
    return status.model_copy(update={"conditions": conditions, "progress": None})


def interrupted(status: TrainingJobStatus, generation: int, now: datetime) -> TrainingJobStatus:
    """The status of a job whose engine was stopped before it ended."""
    message = "`moorage run` was stopped; run it again to resume"
    conditions = with_condition(list(status.conditions), "Running", "False", "Interrupted", message, generation=generation, now=now)
    return status.model_copy(update={"conditions": conditions})


def _conditions(seen: ObservedJob, action: Action) -> list[tuple[str, Truth, str, str]]:
    refused = isinstance(action, Finish) and action.reason == "PrivacyRequired"
    accepted: tuple[str, Truth, str, str] = (
        ("Accepted", "False", action.reason, action.message)
        if isinstance(action, Finish) and refused
        else ("Accepted", "True", "Valid", "")
    )
    found = [accepted]
    if seen.budgeted_by is not None:
        found.append(_reserved(seen))
    found.append(_running(seen, action))
    if not isinstance(action, Finish):
        return [*found, ("Succeeded", "Unknown", "InProgress", ""), ("GatesPassed", "Unknown", "NotEvaluated", "")]
    found.append(("Succeeded", "True" if action.succeeded else "False", action.reason, action.message))
    return [*found, _gates(seen.report, action)]


def _reserved(seen: ObservedJob) -> tuple[str, Truth, str, str]:
    if seen.book.admission == "Granted":
        return "BudgetReserved", "True", "Reserved", f"in the privacy ledger of {seen.budgeted_by}"
    if seen.book.admission == "Denied":
        return "BudgetReserved", "False", "BudgetExceeded", seen.book.refusal
    return "BudgetReserved", "Unknown", "WaitingForPlan", "the plan is known once the records were read"


def _running(seen: ObservedJob, action: Action) -> tuple[str, Truth, str, str]:
    if isinstance(action, Finish):
        return "Running", "False", "Ended", ""
    if isinstance(action, Wait) and action.reason != "Running":
        return "Running", "False", action.reason, action.message
    if isinstance(action, Start):
        return "Running", "True", "Resuming" if action.resumed else "Starting", ""
    phase = seen.report.phase if seen.report is not None else "Starting"
    return "Running", "True" if seen.process == "Alive" else "False", phase, ""


def _gates(report: RunReport | None, action: Finish) -> tuple[str, Truth, str, str]:
    if not action.succeeded or report is None:
        return "GatesPassed", "Unknown", "NotEvaluated", "there is no model"
    failed = [g.sentence for g in report.gates if not g.passed]
    if failed or report.gates_passed is False:
        return "GatesPassed", "False", "GateFailed", "; ".join(failed)
    count = len(report.gates)
    return "GatesPassed", "True", "Passed", f"{count} gates" if count != 1 else "1 gate"


def _facts(report: RunReport | None, action: Action) -> dict[str, object]:
    if report is None:
        return {}
    facts: dict[str, object] = {"progress": report.progress, "privacy": report.privacy}
    if isinstance(action, Finish):
        facts |= {"metrics": report.metrics, "gates": report.gates}
        if action.succeeded:
            facts["model"] = report.model
    return facts
