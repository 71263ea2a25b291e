"""The end of a run's privacy account: charged for what was executed, once it is sure that the run will never go on."""

from __future__ import annotations

import shutil
from pathlib import Path

from moorage_api.training_job import TrainingJob
from moorage_cli.engine.accounts import Accounts
from moorage_cli.engine.child_process import end_leftover
from moorage_cli.engine.executed_steps import executed_mechanism
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.engine.run_book import RunBook, read_book, read_report, write_book


def holder_of(uid: str, generation: int, round_: int) -> str:
    """What the privacy ledger calls a run."""
    return f"{uid}/{generation}/{round_}"


def settle(accounts: Accounts, books: Path, book: RunBook, holder: str) -> None:
    """Charge a run that will not go on for the steps that it executed."""
    folder = books / str(book.round)
    executed = executed_mechanism(folder, read_report(folder))
    accounts.settle(holder, executed)
    ran = executed is None or executed.steps > 0
    write_book(books, book.model_copy(update={"holds_reservation": False, "settled": ran}))


def settle_older_generations(store: ObjectStore, accounts: Accounts, job: TrainingJob) -> None:
    """Settle the runs of specs that were edited away."""
    _settle_below(store, accounts, job, job.metadata.generation or 1)


def forget_runs(store: ObjectStore, accounts: Accounts, job: TrainingJob) -> None:
    """Settle every run of a job and remove its checkpoints and logs; the books, which say how often it ran, stay."""
    _settle_below(store, accounts, job, (job.metadata.generation or 1) + 1)
    for folder in store.home.runs(job.metadata.uid or "").glob("[0-9]*/[0-9]*"):
        shutil.rmtree(folder, ignore_errors=True)


def _settle_below(store: ObjectStore, accounts: Accounts, job: TrainingJob, limit: int) -> None:
    uid = job.metadata.uid or ""
    for books in sorted(store.home.runs(uid).glob("[0-9]*")):
        book, generation = read_book(books), int(books.name)
        if book is not None and book.holds_reservation and generation < limit:
            end_leftover(book.process, book.process_started)
            settle(accounts, books, book, holder_of(uid, generation, book.round))
