"""How long a run has been active: what activeDeadlineSeconds is held against. Suspended and queued time does not count."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from moorage_api.clock import moment, timestamp
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.ray_job import SUSPENDED, RayJob
from moorage_operator.training_job.render import is_held_by_kueue

RESTART_SECONDS = 60.0


def active_seconds(seen: ObservedTrainingJob, now: datetime) -> float:
    """Over all attempts of the run."""
    status = seen.status
    stretch = (now - moment(status.active_since)).total_seconds() if status.active_since else 0.0
    return status.active_seconds + max(0.0, stretch)


def seconds_left(seen: ObservedTrainingJob, now: datetime) -> float | None:
    """Until the deadline, at least 0; None where there is none, or time does not count now."""
    deadline = seen.job.spec.run_policy.active_deadline_seconds
    if deadline is None:
        return None
    left = max(0.0, deadline - active_seconds(seen, now))
    return left if seen.status.active_since is not None or left == 0 else None


def paused(seen: ObservedTrainingJob, now: datetime) -> dict[str, Any]:
    """The status fields of a run whose time does not count from now on."""
    if seen.status.active_since is None:
        return {}
    return {"active_since": None, "active_seconds": active_seconds(seen, now)}


def begun(seen: ObservedTrainingJob, now: datetime) -> dict[str, Any]:
    """The status fields of a run whose time counts from now on, if it does not already."""
    return {} if seen.status.active_since is not None else {"active_since": timestamp(now)}


def of_ray_job(seen: ObservedTrainingJob, ray_job: RayJob, settings: OperatorSettings, now: datetime) -> dict[str, Any]:
    """The status fields by what the RayJob does: KubeRay's own start of it counts where a queue let it go while nobody looked."""
    if not is_held_by_kueue(seen, settings):
        return begun(seen, now)
    if ray_job.deployment in SUSPENDED:
        return paused(seen, now)
    if not ray_job.deployment or ray_job.started_at is None:
        return {}
    since = seen.status.active_since
    if since is not None and ray_job.started_at <= moment(since) + timedelta(seconds=RESTART_SECONDS):
        return {}
    return {"active_since": timestamp(min(now, ray_job.started_at))}
