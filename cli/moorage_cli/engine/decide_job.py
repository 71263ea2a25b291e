"""What to do about one TrainingJob, from what was observed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from moorage_api.clock import moment
from moorage_api.conditions import condition, holds
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_report import RunReport
from moorage_api.training_job import TrainingJob
from moorage_cli.engine.run_book import RunBook

ProcessState = Literal["Absent", "Alive", "Ended"]
LONGEST_PAUSE_SECONDS = 60.0
NO_RETRY_HELPS = frozenset({"InvalidInput", "Refused", "Unavailable"})


@dataclass(frozen=True)
class ObservedJob:
    """One TrainingJob as it stands.

    process: Absent, this engine has not started it; Ended, it did and the process is gone. lacks: why training cannot run
    here, empty if it can.
    """

    job: TrainingJob
    budgeted_by: str | None
    book: RunBook
    report: RunReport | None
    process: ProcessState
    slot_free: bool
    folder_exists: bool = True
    lacks: str = ""

    @property
    def generation(self) -> int:
        return self.job.metadata.generation or 1


@dataclass(frozen=True)
class Start:
    """Start the training process; it resumes from the last checkpoint if there is one."""

    resumed: bool


@dataclass(frozen=True)
class Stop:
    """Stop the training process for good."""


@dataclass(frozen=True)
class AskAdmission:
    """Reserve the planned mechanism in the privacy ledger and answer the run."""

    mechanism: PrivacyMechanism


@dataclass(frozen=True)
class CountFailure:
    """Write down that an attempt ended badly and another follows."""

    message: str


@dataclass(frozen=True)
class Finish:
    """The job has ended: settle privacy and usage, say so in status."""

    succeeded: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Wait:
    """Nothing is to be done now; `reason` and `message` say for what it waits."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class RemoveRunFolder:
    """The finished job's run folder is due."""


Action = Start | Stop | AskAdmission | CountFailure | Finish | Wait | RemoveRunFolder


def has_ended(job: TrainingJob) -> bool:
    """Whether the job succeeded or failed at its present generation."""
    return holds(job.status, "Succeeded", job.metadata.generation or 1) is not None


def decide_job(seen: ObservedJob, now: datetime) -> Action:
    """The one thing to do next."""
    if has_ended(seen.job):
        return RemoveRunFolder() if seen.folder_exists and removal_due(seen.job, now) else Wait("Ended")
    if seen.budgeted_by is not None and seen.job.spec.privacy is None:
        return Finish(False, "PrivacyRequired", f"{seen.budgeted_by} has a privacy budget: set spec.privacy (epsilon, delta)")
    if seen.process == "Alive":
        return _while_running(seen, now)
    if seen.book.starts == 0:
        return _first_start(seen)
    if seen.process == "Absent" and not _settled_before(seen):
        return _first_start(seen)
    return _after_the_end(seen, now)


def can_resume(end: Finish) -> bool:
    """Whether running a job that ended so again goes on from its checkpoint, under the privacy that it holds."""
    return not end.succeeded and end.reason not in ("InvalidInput", "Refused", "PrivacyRequired", "PrivacyBudgetExceeded")


def removal_due(job: TrainingJob, now: datetime) -> bool:
    """Whether ttlSecondsAfterFinished has passed since the job ended."""
    ttl, ended = job.spec.run_policy.ttl_seconds_after_finished, condition(job.status, "Succeeded")
    if ttl is None or ended is None or not has_ended(job):
        return False
    return now >= moment(ended.last_transition_time) + timedelta(seconds=ttl)


def active_seconds(book: RunBook, now: datetime) -> float:
    """How long the job has been active, over all its attempts."""
    current = (now - moment(book.started_at)).total_seconds() if book.started_at else 0.0
    return book.active_seconds_before + max(0.0, current)


def pause_seconds(failures: int) -> float:
    """How long to wait before the attempt after `failures` failures: 1, 2, 4, ... at most 60 seconds."""
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** max(0, failures - 1))


def _first_start(seen: ObservedJob) -> Action:
    if seen.job.spec.run_policy.suspend:
        return Wait("Suspended", "runPolicy.suspend is true; set it to false and run again")
    if seen.lacks:
        return Finish(False, "ExtraMissing", seen.lacks)
    if not seen.slot_free:
        return Wait("Queued", "waits for the job before it")
    return Start(resumed=seen.book.starts > 0)


def _while_running(seen: ObservedJob, now: datetime) -> Action:
    deadline = seen.job.spec.run_policy.active_deadline_seconds
    if deadline is not None and active_seconds(seen.book, now) > deadline and not _report_is_final(seen.report):
        return Stop()
    plan = seen.report.plan if seen.report else None
    if seen.budgeted_by is not None and seen.book.admission == "No" and plan is not None and plan.mechanism is not None:
        return AskAdmission(plan.mechanism)
    return Wait("Running")


def _after_the_end(seen: ObservedJob, now: datetime) -> Action:
    book, report, policy = seen.book, seen.report, seen.job.spec.run_policy
    if report is not None and report.phase == "Succeeded":
        return Finish(True, "Completed", "the model was trained, exported and evaluated")
    if book.stopped_for == "Deadline":
        return Finish(False, "DeadlineExceeded", f"active for longer than activeDeadlineSeconds ({policy.active_deadline_seconds})")
    if book.admission == "Denied":
        return Finish(False, "PrivacyBudgetExceeded", book.refusal)
    failure = report.failure if report is not None and report.phase == "Failed" else None
    if failure is not None and failure.reason in NO_RETRY_HELPS:
        return Finish(False, failure.reason, failure.message)
    reason, message = (failure.reason, failure.message) if failure else ("ProcessDied", "the training process died without a word")
    if book.failures >= policy.backoff_limit:
        tries = f" (after {book.failures + 1} attempts)" if book.failures else ""
        return Finish(False, reason, message + tries)
    if book.failed_at is None:
        return CountFailure(message)
    if now < moment(book.failed_at) + timedelta(seconds=pause_seconds(book.failures)):
        return Wait("BackOff", message)
    return Start(resumed=True)


def _settled_before(seen: ObservedJob) -> bool:
    """Whether the run came to an end under an earlier engine. One that ended with that engine, or for want of a disk, goes on."""
    failure = seen.report.failure if seen.report is not None else None
    stands = _report_is_final(seen.report) and (failure is None or failure.reason != "Unavailable")
    return stands or seen.book.stopped_for == "Deadline"


def _report_is_final(report: RunReport | None) -> bool:
    return report is not None and report.phase in ("Succeeded", "Failed")
