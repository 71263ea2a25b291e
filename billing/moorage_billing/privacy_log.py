"""The privacy ledger's log in the database: entries are read in order and appended, nothing else."""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, Connection, select

from moorage_api.dataset import PrivacyBudget
from moorage_api.privacy import PrivacyMechanism
from moorage_billing.privacy_holdings import Entry, EntryKind
from moorage_billing.schema import privacy_entries


def read_entries(connection: Connection, condition: ColumnElement[bool]) -> list[Entry]:
    """The entries that meet a condition on `privacy_entries`, oldest first."""
    rows = connection.execute(select(privacy_entries).where(condition).order_by(privacy_entries.c.sequence))
    return [
        Entry(
            sequence=row.sequence,
            dataset=row.dataset,
            job_uid=row.job_uid,
            job_ref=row.job_ref,
            kind=row.entry,
            mechanism=PrivacyMechanism(sampling_rate=row.sampling_rate, noise_multiplier=row.noise_multiplier, steps=row.steps),
            budget_epsilon=row.budget_epsilon,
            budget_delta=row.budget_delta,
            recorded_us=row.recorded_us,
        )
        for row in rows
    ]


def last_sequence(entries: list[Entry]) -> int:
    """The newest entry's sequence; 0 for none."""
    return entries[-1].sequence if entries else 0


def entry_values(
    dataset_uri: str, job_uid: str, job_ref: str, kind: EntryKind, mechanism: PrivacyMechanism, budget: PrivacyBudget
) -> dict[str, object]:
    """A new entry's row, as of now."""
    return {
        "dataset": dataset_uri,
        "job_uid": job_uid,
        "job_ref": job_ref,
        "entry": kind,
        **mechanism.model_dump(),
        "budget_epsilon": budget.epsilon,
        "budget_delta": budget.delta,
        "recorded_us": time.time_ns() // 1000,
    }


def successor(last: Entry, kind: EntryKind, mechanism: PrivacyMechanism) -> dict[str, object]:
    """The row of an entry that follows `last` in a job's life."""
    budget = PrivacyBudget(epsilon=last.budget_epsilon, delta=last.budget_delta)
    return entry_values(last.dataset, last.job_uid, last.job_ref, kind, mechanism, budget)
