"""What people are told in Events: that a condition changed, once."""

from __future__ import annotations

from moorage_api.conditions import condition
from moorage_api.meta import Condition
from moorage_api.training_job import TrainingJobStatus
from moorage_operator.plan import Record
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.run_identity import run_in_status

_BAD_WHEN_FALSE = frozenset({"Accepted", "BudgetReserved", "Succeeded", "GatesPassed"})
_BAD_REASONS = frozenset({"BackOff", "Unschedulable", "ImagePullFailed", "ContainerNotStarted", "PodsNotMade", "HeadLost", "NameTaken"})
_UNTOLD = frozenset({"InProgress", "NotEvaluated", "NotAccepted", "Asking", "WaitingForPlan", "Submitting", "Ending", "Ended", "Valid"})
"""Steps of every job's way, and what another condition's Event says."""


def records_of_change(seen: ObservedTrainingJob, after: TrainingJobStatus) -> tuple[Record, ...]:
    """An Event for every condition whose status or reason differs from what was known."""
    changed = [c for c in after.conditions if _differs(condition(seen.status, c.type), c) and c.reason not in _UNTOLD]
    return tuple(_record(seen, c) for c in changed)


def _differs(before: Condition | None, after: Condition) -> bool:
    return before is None or (before.status, before.reason) != (after.status, after.reason)


def _record(seen: ObservedTrainingJob, changed: Condition) -> Record:
    bad = changed.reason in _BAD_REASONS or (changed.status == "False" and changed.type in _BAD_WHEN_FALSE)
    told = changed.message or f"the run is in phase {changed.reason}"
    # The run and the attempt make it another Event each time: one that says the same is taken for one that was written before.
    message = f"{told} (run {run_in_status(seen.job)}, attempt {seen.attempt})"
    return Record(seen.ref, seen.job.metadata.uid or "", "Warning" if bad else "Normal", changed.reason, message)
