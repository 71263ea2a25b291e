"""The privacy ledger's log read as a state: what each job holds of a data set's budget. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from moorage_api.privacy import PrivacyMechanism

EntryKind = Literal["Reserved", "Committed", "ChargedWhole", "Released"]


@dataclass(frozen=True)
class DatasetKey:
    """Which records: the canonical URI alone, so that another Dataset object over the same records shares their budget.

    `label` is for messages (`Dataset default/digits`).
    """

    uri: str
    label: str = field(default="", compare=False)

    @classmethod
    def of(cls, uri: str, label: str = "") -> DatasetKey:
        """The key of `sklearn://NAME`, `file:///PATH` or an absolute path; symbolic links and `..` are followed."""
        scheme, separator, rest = uri.partition("://")
        if separator and scheme != "file":
            return cls(f"{scheme.lower()}://{rest.rstrip('/')}", label)
        return cls("file://" + os.path.realpath(rest if separator else uri), label)

    def __str__(self) -> str:
        return f"{self.label} ({self.uri})" if self.label else self.uri


@dataclass(frozen=True)
class Entry:
    """One record of the log, in the order of `sequence`."""

    sequence: int
    dataset: str
    job_uid: str
    job_ref: str
    kind: EntryKind
    mechanism: PrivacyMechanism
    budget_epsilon: float
    budget_delta: float
    recorded_us: int


@dataclass(frozen=True)
class Holding:
    """What one job holds. `mechanism`: what counts against the budget; `planned`: what was reserved last."""

    job_uid: str
    job_ref: str
    state: EntryKind
    mechanism: PrivacyMechanism
    planned: PrivacyMechanism

    @property
    def overrun(self) -> bool:
        """More was run than was reserved."""
        return self.state == "Committed" and not within(self.mechanism, self.planned)


def holdings(entries: Iterable[Entry]) -> list[Holding]:
    """The state of every job after the log, in the order of first reservation."""
    state: dict[str, Holding] = {}
    for entry in entries:
        planned = entry.mechanism if entry.kind == "Reserved" else state[entry.job_uid].planned
        state[entry.job_uid] = Holding(entry.job_uid, entry.job_ref, entry.kind, entry.mechanism, planned)
    return list(state.values())


def within(run: PrivacyMechanism, planned: PrivacyMechanism) -> bool:
    """Whether `run` spends no more than `planned`, whatever else it is composed with."""
    return run.steps == 0 or (
        run.steps <= planned.steps and run.sampling_rate <= planned.sampling_rate and run.noise_multiplier >= planned.noise_multiplier
    )
