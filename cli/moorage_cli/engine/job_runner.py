"""One TrainingJob at work: observe it, decide, apply."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from moorage_api.clock import moment, timestamp
from moorage_api.dataset import Dataset
from moorage_api.price_plan import PricePlan
from moorage_api.run_config import Admission, JobIdentity
from moorage_api.run_report import RunReport
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob, TrainingJobStatus
from moorage_cli.durable_file import private_folder, write_durably
from moorage_cli.engine.accounts import Accounts
from moorage_cli.engine.child_process import Child, end_leftover, spawn, start_time
from moorage_cli.engine.decide_job import (
    Action,
    AskAdmission,
    CountFailure,
    Finish,
    ObservedJob,
    RemoveRunFolder,
    Start,
    Stop,
    active_seconds,
    can_resume,
    decide_job,
    has_ended,
)
from moorage_cli.engine.installed_extra import lacking
from moorage_cli.engine.job_status import interrupted, job_status, reopened
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.engine.run_book import RunBook, next_try, read_book, read_report, write_book
from moorage_cli.engine.run_command import run_config
from moorage_cli.engine.settlement import forget_runs, holder_of, settle, settle_older_generations

STOP_PATIENCE_SECONDS = 8.0
METER_SECONDS = 10.0
CONFIG, LOG, ADMISSION = "config.json", "train.log", "admission.json"


class JobRunner:
    """Runs one job in a process of its own. `records` is the Dataset it names, `budgeted` the one whose budget it spends."""

    def __init__(
        self, store: ObjectStore, accounts: Accounts, job: TrainingJob, tenant: str, records: Dataset | None, budgeted: Dataset | None
    ) -> None:
        self.store, self.accounts, self.job, self.tenant = store, accounts, job, tenant
        self.records, self.budgeted = records, budgeted
        self._books = store.home.run_folder(job.metadata.uid or "", job.metadata.generation or 1)
        self._child: Child | None = None
        self._metered_at: datetime | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs now."""
        return self._child is not None and self._child.alive

    @property
    def folder(self) -> Path:
        """The present round's folder."""
        return self._books / str(self._book().round)

    @property
    def identity(self) -> JobIdentity:
        """Which job, for money and privacy."""
        meta = self.job.metadata
        return JobIdentity(
            namespace=meta.namespace or "default", name=meta.name, uid=meta.uid or "", generation=meta.generation or 1, tenant=self.tenant
        )

    def open(self, now: datetime) -> None:
        """Take up the job: end what an engine before this one left running, settle older generations, reopen a failed job."""
        book = read_book(self._books)
        if book is not None:
            end_leftover(book.process, book.process_started)
        settle_older_generations(self.store, self.accounts, self.job)
        failed = has_ended(self.job) and any(c.type == "Succeeded" and c.status == "False" for c in self._status.conditions)
        if failed:
            self._save(reopened(self._status, self.identity.generation, now))
            if book is not None:
                write_book(self._books, next_try(book))

    def tick(self, slot_free: bool, now: datetime) -> None:
        """Observe, decide, apply, once."""
        seen = self.observe(slot_free)
        action = decide_job(seen, now)
        if self._apply(action, seen.book, now) and not isinstance(action, RemoveRunFolder):
            seen = self.observe(slot_free)
        self._save(job_status(seen, action, now))

    def observe(self, slot_free: bool) -> ObservedJob:
        """The job as it stands. A report of an attempt before the present one says nothing of this one."""
        book, alive, report = self._book(), self.alive, read_report(self.folder)
        if alive and report is not None and book.started_at is not None and moment(report.updated_at) < moment(book.started_at):
            report = None
        return ObservedJob(
            job=self.job,
            budgeted_by=self.budgeted.ref if self.budgeted else None,
            book=book,
            report=report,
            process="Alive" if alive else "Absent" if self._child is None else "Ended",
            slot_free=slot_free,
            folder_exists=self.folder.exists(),
            lacks=lacking("train"),
        )

    def ask_to_stop(self) -> None:
        """Begin to stop, without waiting."""
        if self._child is not None:
            self._child.ask_to_stop()

    def close(self, now: datetime) -> None:
        """Stop the process if there is one; the next session resumes from its last checkpoint."""
        if self._child is None or has_ended(self.job):
            return
        self._child.stop(STOP_PATIENCE_SECONDS)
        self._meter(now, ended=True)
        self._save(interrupted(self._status, self.identity.generation, now))

    def _apply(self, action: Action, book: RunBook, now: datetime) -> bool:
        """Carry out the action; whether anything was changed."""
        if isinstance(action, Start):
            self._start(book, now)
        elif isinstance(action, Stop):
            write_book(self._books, book.model_copy(update={"stopped_for": "Deadline"}))
            if self._child is not None:
                self._child.stop(STOP_PATIENCE_SECONDS)
        elif isinstance(action, AskAdmission):
            self._admit(action, book)
        elif isinstance(action, CountFailure):
            write_book(self._books, book.model_copy(update={"failures": book.failures + 1, "failed_at": timestamp(now)}))
        elif isinstance(action, Finish):
            self._finish(action, book, now)
        elif isinstance(action, RemoveRunFolder):
            forget_runs(self.store, self.accounts, self.job)
        else:
            if self.alive and (self._metered_at is None or (now - self._metered_at).total_seconds() >= METER_SECONDS):
                self._metered_at = now
                self._meter(now, ended=False)
            return False
        return True

    def _start(self, book: RunBook, now: datetime) -> None:
        self._meter(now, ended=True)
        folder = private_folder(self._books / str(book.round))
        (folder / ADMISSION).unlink(missing_ok=True)
        config = run_config(self.store.home, self.job, self.tenant, self.records, folder, admission_required=self.budgeted is not None)
        write_durably(folder / CONFIG, config.model_dump_json(by_alias=True, exclude_none=True, indent=2))
        started = book.model_copy(
            update={
                "starts": book.starts + 1,
                "started_at": timestamp(now),
                "active_seconds_before": _active_before(book, read_report(folder), now),
                "failed_at": None,
                "admission": "No",
                "refusal": "",
            }
        )
        write_book(self._books, started)
        self._child = spawn([sys.executable, "-m", "moorage_training", str(folder / CONFIG)], folder / LOG)
        identity = {"process": self._child.pid, "process_started": start_time(self._child.pid)}
        write_book(self._books, started.model_copy(update=identity))

    def _admit(self, action: AskAdmission, book: RunBook) -> None:
        if self.budgeted is None:
            return
        refusal = self.accounts.reserve(self.budgeted, self._holder(book), self.job.ref, action.mechanism)
        admission = "Granted" if refusal is None else "Denied"
        update = {"admission": admission, "refusal": refusal or "", "holds_reservation": book.holds_reservation or refusal is None}
        write_book(self._books, book.model_copy(update=update))
        answer = Admission(granted=refusal is None, message=refusal or "")
        write_durably(self.folder / ADMISSION, answer.model_dump_json(by_alias=True))

    def _finish(self, action: Finish, book: RunBook, now: datetime) -> None:
        """Meter the rest; settle privacy unless running the job again would go on where it stopped."""
        self._meter(now, ended=True)
        if book.holds_reservation and not can_resume(action):
            settle(self.accounts, self._books, book, self._holder(book))

    def _meter(self, now: datetime, *, ended: bool) -> None:
        report = read_report(self.folder)
        if report is not None and report.workers:
            self.accounts.meter_training(self.identity, self._book().round, report.workers, now, ended=ended)
            tenant = self.store.get(Tenant, None, self.tenant)
            plan = self.store.get(PricePlan, None, tenant.spec.plan)
            cost = self.accounts.training_cost(self.identity.uid, tenant, plan)
            self.job = self.store.set_status(self.job, self._status.model_copy(update={"cost": cost}))

    def _holder(self, book: RunBook) -> str:
        return holder_of(self.identity.uid, self.identity.generation, book.round)

    def _book(self) -> RunBook:
        return read_book(self._books) or RunBook()

    @property
    def _status(self) -> TrainingJobStatus:
        return self.job.status or TrainingJobStatus()

    def _save(self, status: TrainingJobStatus) -> None:
        self.job = self.store.set_status(self.job, status)


def _active_before(book: RunBook, report: RunReport | None, now: datetime) -> float:
    """Seconds that the job was active until its last attempt was last heard of."""
    if book.started_at is None:
        return book.active_seconds_before
    heard = moment(report.updated_at) if report is not None else now
    return active_seconds(book, max(heard, moment(book.started_at)))
