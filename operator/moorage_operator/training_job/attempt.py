"""How an attempt stands: whether it was lost, and whether that is certain yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from moorage_api.clock import moment
from moorage_api.conditions import condition
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.pods import Pod
from moorage_operator.training_job.ray_job import ENDED, UNDER_WAY, RayJob
from moorage_operator.training_job.report import is_final, newer_than

CONFIRM_SECONDS = 5.0
"""How long the head has to be missing: the news of its end and that of its reason come by different watches."""
LAST_REPORT_SECONDS = 15.0
"""How long after Ray's word that the job ended its last report may come."""
SUBMISSION_SECONDS = 300.0
"""How long KubeRay may take to hand the job to a cluster that is ready."""
MAX_LOG_CHARACTERS = 2000


@dataclass(frozen=True)
class Lost:
    """The attempt ended badly."""

    reason: str
    message: str


@dataclass(frozen=True)
class Suspect:
    """Something is amiss; certain, if it stays so, after this many seconds."""

    reason: str
    message: str
    seconds: float


def head_of(seen: ObservedTrainingJob, ray_job: RayJob) -> Pod | None:
    """The head of the RayJob's present cluster, if it is there to stay."""
    return next((p for p in seen.pods if p.role == "head" and p.cluster == ray_job.cluster and p.alive), None)


def verdict_on(seen: ObservedTrainingJob, ray_job: RayJob, now: datetime) -> Lost | Suspect | None:
    """Whether the present attempt is lost. Final reports that no retry changes are judged elsewhere, before."""
    if ray_job.deployment not in UNDER_WAY:
        return None
    head, has_ended = head_of(seen, ray_job), ray_job.deployment in ENDED
    said = _said(seen, head)
    if said is not None and (head is not None or has_ended):
        return said
    if has_ended:
        return _without_a_word(seen, ray_job, now)
    if head is None:
        lost = said or Lost("HeadLost", "the head pod is gone, and with it the driver")
        return _once_certain(seen, Suspect("HeadLost", lost.message, CONFIRM_SECONDS), lost, now)
    if not ray_job.job:
        message = "KubeRay has not handed the job to the Ray cluster yet"
        lost = Lost("SubmissionFailed", f"KubeRay could not hand the job to the Ray cluster within {SUBMISSION_SECONDS:.0f} seconds")
        return _once_certain(seen, Suspect("Submitting", message, SUBMISSION_SECONDS), lost, now)
    return None


def _said(seen: ObservedTrainingJob, head: Pod | None) -> Lost | None:
    """What the attempt said of its own end, unless a head that started later has not spoken yet."""
    report = seen.report
    if report is None or report.phase != "Failed" or not newer_than(report, head.started_at if head is not None else None):
        return None
    failure = report.failure
    return Lost(failure.reason, failure.message) if failure is not None else Lost("Internal", "the run failed and did not say why")


def _without_a_word(seen: ObservedTrainingJob, ray_job: RayJob, now: datetime) -> Lost | Suspect:
    since = ray_job.ended_at or now - timedelta(seconds=LAST_REPORT_SECONDS)
    left = LAST_REPORT_SECONDS - (now - since).total_seconds()
    if left > 0 and not is_final(seen.report):
        return Suspect("Ending", "Ray says that the job ended; its last report has not come yet", left)
    details = " ".join((seen.report_problem or ray_job.message).split())[-MAX_LOG_CHARACTERS:]
    message = f"the training process died without a word; Ray says: {details}" if details else "the training process died without a word"
    return Lost("ProcessDied", message)


def _once_certain(seen: ObservedTrainingJob, suspect: Suspect, lost: Lost, now: datetime) -> Lost | Suspect:
    running = condition(seen.status, "Running")
    if running is None or (running.status, running.reason) != ("Unknown", suspect.reason):
        return suspect
    left = suspect.seconds - (now - moment(running.last_transition_time)).total_seconds()
    return lost if left <= 0 else Suspect(suspect.reason, suspect.message, left)
