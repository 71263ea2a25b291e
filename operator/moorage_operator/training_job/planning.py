"""From a Step to a Plan: the status first, what people are told next, then what rests on it."""

from __future__ import annotations

from datetime import datetime

from moorage_api.training_job import TrainingJobStatus
from moorage_operator.plan import Action, Plan, SetStatus
from moorage_operator.training_job.events import records_of_change
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.status import status_after
from moorage_operator.training_job.step import Step


def plan_of(seen: ObservedTrainingJob, step: Step, now: datetime) -> Plan:
    """The plan of a step."""
    return Plan((*written(seen, status_after(seen, step, now)), *step.actions), step.again_seconds)


def written(seen: ObservedTrainingJob, status: TrainingJobStatus) -> tuple[Action, ...]:
    """The writing of a status and the Events of what changed; nothing if it is what stands there."""
    if seen.job.status is not None and status == seen.job.status:
        return ()
    return SetStatus(seen.ref, status.to_wire()), *records_of_change(seen, status)
