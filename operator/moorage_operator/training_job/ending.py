"""The ends: of a run, of a run whose spec was edited away, of the job itself. What was spent is settled in every one of them."""

from __future__ import annotations

from datetime import datetime

from moorage_api.clock import moment
from moorage_api.conditions import condition
from moorage_operator import names
from moorage_operator.plan import Action, Delete, ObjectRef, Plan
from moorage_operator.training_job import activity
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.planning import plan_of, written
from moorage_operator.training_job.ray_job import API_VERSION, ENDED, KIND, RayJob
from moorage_operator.training_job.report import is_final
from moorage_operator.training_job.run_identity import SUPERSEDED
from moorage_operator.training_job.settlement import is_unsettled, settlement_of, without_finalizer
from moorage_operator.training_job.status import WAITING_FOR_PLAN, fresh_status, renewed, status_after
from moorage_operator.training_job.step import End, Step

NO_RETRY_HELPS = frozenset({"InvalidInput", "Refused"})
LINGER_SECONDS = 60.0
"""How long a driver that has said its last may take to end by itself."""


def has_ended(seen: ObservedTrainingJob) -> bool:
    """Whether the run in status succeeded or failed."""
    found = condition(seen.status, "Succeeded")
    return found is not None and found.status != "Unknown"


def is_superseded(seen: ObservedTrainingJob) -> bool:
    """Whether the run in status is of an earlier spec."""
    return seen.status.run is not None and seen.status.run != seen.run


def end_of(seen: ObservedTrainingJob, now: datetime) -> End | None:
    """The end of the run, if it has come and no retry would change it."""
    report, policy = seen.report, seen.job.spec.run_policy
    if report is not None and report.phase == "Succeeded":
        return End(True, "Completed", "the model was trained, exported and evaluated")
    if report is not None and report.phase == "Failed" and report.failure is not None and report.failure.reason in NO_RETRY_HELPS:
        return End(False, report.failure.reason, report.failure.message)
    ray_job = seen.ray_job
    if ray_job is not None and ray_job.run == seen.run and ray_job.deployment == "ValidationFailed":
        return End(False, "ValidationFailed", f"KubeRay refuses RayJob {ray_job.name}: {ray_job.message}")
    left = activity.seconds_left(seen, now)
    if left is not None and left <= 0:
        return End(False, "DeadlineExceeded", f"active for longer than activeDeadlineSeconds ({policy.active_deadline_seconds})")
    return None


def after_the_end(seen: ObservedTrainingJob, now: datetime) -> Plan:
    """The run is over: give back what it held, settle what it spent, and after its TTL clear away its RayJob."""
    said = written(seen, renewed(seen))
    ended = condition(seen.status, "Succeeded")
    since = (now - moment(ended.last_transition_time)).total_seconds() if ended is not None else 0.0
    waits: list[float] = []
    removal: tuple[Action, ...] = ()
    if seen.ray_job is not None and _is_own(seen, seen.ray_job) and not seen.ray_job.deleting:
        left = _removal_in(seen, seen.ray_job, since)
        if left is not None and left <= 0:
            removal = delete_of(seen, seen.ray_job)
        elif left is not None:
            waits.append(left)
    if is_unsettled(seen):
        settling = (settlement_of(seen),) if is_final(seen.report) or _is_over(seen) else ()
        return Plan((*said, *removal, *settling), 0.0 if settling else min(waits, default=None))
    letting_go = (without_finalizer(seen),) if names.PRIVACY_FINALIZER in seen.finalizers else ()
    return _alone((*said, *removal), letting_go, min(waits, default=None))


def retire(seen: ObservedTrainingJob, now: datetime) -> Plan:
    """The spec was edited: end the run of the earlier one, settle it, then begin the new one's."""
    step = Step(
        ("False", SUPERSEDED, "the spec was changed; the run of the earlier one is ended first"), changes=activity.paused(seen, now)
    )
    if seen.ray_job is not None and _is_own(seen, seen.ray_job):
        return plan_of(seen, _and(step, delete_of(seen, seen.ray_job)), now)
    if is_unsettled(seen):
        if not is_final(seen.report) and not _pods_are_over(seen):
            return plan_of(seen, step, now)
        return plan_of(seen, _and(step, (settlement_of(seen),), 0.0), now)
    if names.PRIVACY_FINALIZER in seen.finalizers:
        # The new run may be under no budget. One that is asks for it anew.
        return _alone(written(seen, status_after(seen, step, now)), (without_finalizer(seen),), 0.0)
    fresh = fresh_status(seen, Step(("False", "Starting", "the spec was changed"), reserved=WAITING_FOR_PLAN), now)
    return Plan(written(seen, fresh), 0.0)


def leave(seen: ObservedTrainingJob) -> Plan:
    """The job is being deleted: end it, wait until nothing of it can spend any more, settle, let it go."""
    if seen.ray_job is not None and _is_own(seen, seen.ray_job):
        return Plan(delete_of(seen, seen.ray_job))
    if names.PRIVACY_FINALIZER not in seen.finalizers or seen.pods:
        return Plan()
    settled: tuple[Action, ...] = (settlement_of(seen),) if is_unsettled(seen) else ()
    return Plan((*settled, without_finalizer(seen)))


def delete_of(seen: ObservedTrainingJob, ray_job: RayJob) -> tuple[Action, ...]:
    """The deletion of a RayJob; nothing if it is under way."""
    if ray_job.deleting:
        return ()
    return (Delete(ObjectRef(API_VERSION, KIND, ray_job.name, seen.job.metadata.namespace), ray_job.uid),)


def _alone(first: tuple[Action, ...], then: tuple[Action, ...], again_seconds: float | None) -> Plan:
    """`first`, or where there is nothing of it `then`: finalizers are bound to a version of the object, which a status changes."""
    return Plan(first, 0.0 if then else again_seconds) if first else Plan(then, again_seconds)


def _removal_in(seen: ObservedTrainingJob, ray_job: RayJob, since_end: float) -> float | None:
    """Seconds until the RayJob of an ended run goes; None: it stays, for people to look at."""
    if ray_job.deployment in ENDED:
        ttl = seen.job.spec.run_policy.ttl_seconds_after_finished
        return None if ttl is None else ttl - since_end
    return LINGER_SECONDS - since_end if is_final(seen.report) else 0.0


def _is_over(seen: ObservedTrainingJob) -> bool:
    ray_job = seen.ray_job
    return (ray_job is None or not _is_own(seen, ray_job) or ray_job.deployment in ENDED) and _pods_are_over(seen)


def _pods_are_over(seen: ObservedTrainingJob) -> bool:
    return all(pod.over for pod in seen.pods)


def _is_own(seen: ObservedTrainingJob, ray_job: RayJob) -> bool:
    return ray_job.owner_uid == seen.job.metadata.uid


def _and(step: Step, actions: tuple[Action, ...], again_seconds: float | None = None) -> Step:
    return Step(step.running, actions, again_seconds, changes=step.changes)
