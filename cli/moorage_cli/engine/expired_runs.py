"""Run folders whose ttlSecondsAfterFinished has passed; artifacts and the ledger stay."""

from __future__ import annotations

from datetime import datetime

from moorage_api.training_job import TrainingJob
from moorage_cli.engine.accounts import Accounts
from moorage_cli.engine.decide_job import removal_due
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.engine.settlement import forget_runs


def remove_expired_runs(store: ObjectStore, now: datetime) -> int:
    """Remove those that are due; how many jobs that were."""
    due = [
        job
        for job in store.all(TrainingJob)
        if removal_due(job, now) and any(store.home.runs(job.metadata.uid or "").glob("[0-9]*/[0-9]*"))
    ]
    if due:
        accounts = Accounts(store.home)
        for job in due:
            forget_runs(store, accounts, job)
        accounts.close()
    return len(due)
