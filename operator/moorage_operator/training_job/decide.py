"""What to do about one TrainingJob, from what was observed. Pure, and level-triggered: any order of events ends in the same state.

    (none) ──► Starting ──► RayJob under way ──► Succeeded = True | False ──► settled ──► TTL: RayJob deleted
                 ▲  ▲            │    │
                 │  └── BackOff ◄┘    └► Suspended (the RayJob's own, or none yet) ──► goes on
      edited: Superseded ──► RayJob and pods gone ──► settled ──► the new spec's run
      deleted: RayJob deleted ──► pods gone ──► settled ──► finalizer removed

An attempt that was lost is counted in status first, its RayJob deleted next; a RayJob whose attempt is counted is of no use any more.
"""

from __future__ import annotations

from datetime import datetime

from moorage_api.errors import InvalidInput, Problem
from moorage_operator import names
from moorage_operator.plan import Apply, Plan
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job import activity
from moorage_operator.training_job.admission import admission_of
from moorage_operator.training_job.attempt import Lost, Suspect, verdict_on
from moorage_operator.training_job.children import prerequisites, report_map
from moorage_operator.training_job.ending import after_the_end, delete_of, end_of, has_ended, is_superseded, leave, retire
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.planning import plan_of
from moorage_operator.training_job.ray_job import ENDED, RayJob
from moorage_operator.training_job.render import is_held_by_kueue, policy_digest, ray_job_manifest
from moorage_operator.training_job.retry import lost_attempt, pause_left
from moorage_operator.training_job.settlement import is_unsettled, with_finalizer, without_finalizer
from moorage_operator.training_job.step import End, State, Step
from moorage_operator.training_job.wording import SUSPENDED_STATE, running_state
from moorage_operator.workload.volume import volume_claim

MISSING_SECONDS = 60.0
"""How often a job looks for what it misses, though its coming is an event."""


def decide_training_job(seen: ObservedTrainingJob, settings: OperatorSettings, now: datetime) -> Plan:
    """Everything that can be done now, in an order in which nothing is lost wherever it is broken off."""
    if seen.deleting:
        return leave(seen)
    if is_superseded(seen):
        return retire(seen, now)
    if has_ended(seen):
        return after_the_end(seen, now)
    end = end_of(seen, now)
    if end is not None:
        return plan_of(seen, Step(("False", "Ended", ""), end=end, again_seconds=0.0), now)
    ray_job = seen.ray_job
    if ray_job is None:
        return _without_ray_job(seen, settings, now)
    if not seen.is_present(ray_job):
        return _in_the_way(seen, ray_job, now)
    return _with_ray_job(seen, ray_job, settings, now)


def _in_the_way(seen: ObservedTrainingJob, ray_job: RayJob, now: datetime) -> Plan:
    """A RayJob of this name that is of no use any more, or somebody else's."""
    if ray_job.owner_uid != seen.job.metadata.uid:
        message = f"there is a RayJob {ray_job.name} that is not this job's; the job starts once that is gone"
        return plan_of(seen, Step(("False", "NameTaken", message)), now)
    running = next(((c.status, c.reason, c.message) for c in seen.status.conditions if c.type == "Running"), None)
    state = running if running is not None and running[1] == "BackOff" else ("False", "Starting", "waits for the RayJob before it to go")
    return plan_of(seen, Step(state, delete_of(seen, ray_job)), now)


def _without_ray_job(seen: ObservedTrainingJob, settings: OperatorSettings, now: datetime) -> Plan:
    if seen.job.spec.run_policy.suspend:
        changes = {**activity.paused(seen, now), "ray_job_name": None}
        return plan_of(seen, Step(SUSPENDED_STATE, changes=changes), now)
    if seen.status.ray_job_name is not None:
        return lost_attempt(seen, Lost("RayJobDeleted", f"RayJob {seen.status.ray_job_name} was deleted"), now)
    if seen.missing or seen.records.invalid:
        return _without_records(seen, now)
    budget = seen.records.budget
    if budget is not None and seen.job.spec.privacy is None:
        message = f"{budget.ref} has a privacy budget: set spec.privacy (epsilon, delta)"
        refused = Step(("False", "Ended", ""), accepted=("False", "PrivacyRequired", message), end=End(False, "PrivacyRequired", message))
        return plan_of(seen, refused, now)
    return _start(seen, settings, now)


def _start(seen: ObservedTrainingJob, settings: OperatorSettings, now: datetime) -> Plan:
    """The next attempt, once no pod of an earlier one can write into the run's folder, and its pause is over."""
    try:
        needed, manifest = prerequisites(seen, settings), ray_job_manifest(seen, settings)
    except InvalidInput as error:
        return _not_accepted(seen, "Invalid", error.problems, now)
    left = pause_left(seen, now)
    if left > 0:
        message = next((c.message for c in seen.status.conditions if c.type == "Running"), "")
        return plan_of(seen, Step(("False", "BackOff", message), again_seconds=left), now)
    ending = _ending_pods(seen)
    if ending is not None:
        return plan_of(seen, Step(ending), now)
    # The finalizer comes before anything runs; alone, for what is written beside it changes the version that it is bound to.
    if seen.records.budget is not None and names.PRIVACY_FINALIZER not in seen.finalizers:
        return Plan((with_finalizer(seen),), 0.0)
    if seen.records.budget is None and names.PRIVACY_FINALIZER in seen.finalizers and not is_unsettled(seen):
        return Plan((without_finalizer(seen),), 0.0)
    changes = {} if is_held_by_kueue(seen, settings) else activity.begun(seen, now)
    claim = volume_claim(seen.job.metadata.namespace or "default", settings)
    actions = (Apply((claim,), existing_stays=True), *needed, Apply((manifest,)))
    return plan_of(seen, Step(("False", "Starting", "waits for its pods"), actions, changes=changes), now)


def _ending_pods(seen: ObservedTrainingJob) -> State | None:
    """What is waited for while a pod of an earlier attempt or stretch may still write into the run's folder."""
    pod = next((pod.name for pod in seen.pods if not pod.over), None)
    return None if pod is None else ("False", "EndingPods", f"waits for pod {pod} of the attempt before to end")


def _with_ray_job(seen: ObservedTrainingJob, ray_job: RayJob, settings: OperatorSettings, now: datetime) -> Plan:
    """The present attempt's RayJob is there."""
    suspend = seen.job.spec.run_policy.suspend
    # Written once KubeRay has seen it, with what KubeRay says: a write less of each job's start.
    changes = {"ray_job_name": ray_job.name} if ray_job.deployment else {}
    if ray_job.deleting and not suspend:
        return _without_deleted(seen, ray_job, now)
    if suspend and (ray_job.deleting or ray_job.deployment not in ENDED):
        return _suspended(seen, ray_job, settings, now)
    changes |= activity.of_ray_job(seen, ray_job, settings, now)
    verdict = verdict_on(seen, ray_job, now)
    if isinstance(verdict, Lost):
        return lost_attempt(seen, verdict, now)
    if isinstance(verdict, Suspect):
        step = Step(("Unknown", verdict.reason, verdict.message), again_seconds=verdict.seconds, changes=changes)
        return plan_of(seen, step, now)
    if ray_job.deployment == "Suspended" and (blocked := _blocked(seen, now)) is not None:
        return blocked
    actions = _policy_applied(seen, ray_job, settings)
    if not seen.report_map_exists:
        actions = (*actions, Apply((report_map(seen),)))
    admission = admission_of(seen)
    state, again = running_state(seen, ray_job, settings), activity.seconds_left(seen, now)
    if admission is None:
        return plan_of(seen, Step(state, actions, again, changes=changes), now)
    if admission.end is not None:
        state = ("False", "Ended", "")
    again = again if admission.again_seconds is None else admission.again_seconds
    step = Step(state, (*actions, *admission.actions), again, reserved=admission.reserved, end=admission.end, changes=changes)
    return plan_of(seen, step, now)


def _without_deleted(seen: ObservedTrainingJob, ray_job: RayJob, now: datetime) -> Plan:
    """A RayJob that is on its way out, by somebody's hand or by a suspension that is over."""
    if seen.status.ray_job_name is None:
        return plan_of(seen, Step(("False", "Starting", "waits for the RayJob before it to go")), now)
    return lost_attempt(seen, Lost("RayJobDeleted", f"RayJob {ray_job.name} was deleted"), now)


def _suspended(seen: ObservedTrainingJob, ray_job: RayJob, settings: OperatorSettings, now: datetime) -> Plan:
    """KubeRay suspends the RayJob; one in a queue goes, for Kueue would set it going again, and gives its room back."""
    paused = activity.paused(seen, now)
    if ray_job.deleting or is_held_by_kueue(seen, settings):
        return plan_of(seen, Step(SUSPENDED_STATE, delete_of(seen, ray_job), changes={**paused, "ray_job_name": None}), now)
    actions = _policy_applied(seen, ray_job, settings)
    return plan_of(seen, Step(SUSPENDED_STATE, actions, changes={**paused, "ray_job_name": ray_job.name}), now)


def _policy_applied(seen: ObservedTrainingJob, ray_job: RayJob, settings: OperatorSettings) -> tuple[Apply, ...]:
    """The RayJob anew if runPolicy changed since it was applied, or somebody suspended it. KubeRay takes over what of it may change."""
    suspended = ray_job.deployment == "Suspended"
    goes_on = suspended and not seen.job.spec.run_policy.suspend
    by_stranger = goes_on and not is_held_by_kueue(seen, settings)
    if ray_job.policy == policy_digest(seen) and not by_stranger:
        return ()
    try:
        needed = prerequisites(seen, settings) if goes_on else ()
        return (*needed, Apply((ray_job_manifest(seen, settings),)))
    except InvalidInput:
        # The platform's settings changed under a job that runs: it goes on as it was started.
        return ()


def _blocked(seen: ObservedTrainingJob, now: datetime) -> Plan | None:
    """What keeps a suspended run from going on."""
    if seen.missing or seen.records.invalid:
        return _without_records(seen, now)
    ending = _ending_pods(seen)
    return None if ending is None else plan_of(seen, Step(ending, changes=activity.paused(seen, now)), now)


def _without_records(seen: ObservedTrainingJob, now: datetime) -> Plan:
    return _not_accepted(seen, "ReferenceMissing" if seen.missing else "Invalid", (*seen.missing, *seen.records.invalid), now)


def _not_accepted(seen: ObservedTrainingJob, reason: str, problems: tuple[Problem, ...], now: datetime) -> Plan:
    message = " | ".join(" ".join(str(problem).split()) for problem in problems)
    step = Step(("False", "NotAccepted", ""), again_seconds=MISSING_SECONDS, accepted=("False", reason, message))
    return plan_of(seen, step, now)
