"""What becomes of a lost attempt: counted, and after a pause another; or the end."""

from __future__ import annotations

from datetime import datetime

from moorage_api.clock import moment, timestamp
from moorage_operator.plan import Plan
from moorage_operator.training_job.attempt import Lost
from moorage_operator.training_job.ending import delete_of
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.planning import plan_of
from moorage_operator.training_job.step import End, Step

LONGEST_PAUSE_SECONDS = 60.0


def lost_attempt(seen: ObservedTrainingJob, lost: Lost, now: datetime) -> Plan:
    """Count it, then delete its RayJob, if it may be tried again; else the run is over."""
    attempts = seen.status.attempts
    if attempts >= seen.job.spec.run_policy.backoff_limit:
        tries = f" (after {attempts + 1} attempts)" if attempts else ""
        end = End(False, lost.reason, lost.message + tries)
        return plan_of(seen, Step(("False", "Ended", ""), end=end, again_seconds=0.0), now)
    changes = {"attempts": attempts + 1, "failed_at": timestamp(now), "ray_job_name": None}
    actions = delete_of(seen, seen.ray_job) if seen.ray_job is not None else ()
    return plan_of(seen, Step(("False", "BackOff", lost.message), actions, pause_seconds(attempts + 1), changes=changes), now)


def pause_seconds(failures: int) -> float:
    """How long to wait before the attempt after `failures` failures: 1, 2, 4, ... at most 60 seconds."""
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** min(max(0, failures - 1), 10))


def pause_left(seen: ObservedTrainingJob, now: datetime) -> float:
    """Seconds until the next attempt may begin."""
    status = seen.status
    if status.attempts == 0 or status.failed_at is None:
        return 0.0
    return pause_seconds(status.attempts) - (now - moment(status.failed_at)).total_seconds()
