"""The privacy ledger: every epsilon ever spent on records, by job. It outlives jobs and Dataset objects.

    reserve ──► Reserved ──► commit        Committed: what was run counts
                   │    └──► charge_whole  ChargedWhole: no report came, the whole plan counts
                   └───────► release       Released: not one private step was run; the job may reserve again

The log is append-only (see schema.py); a state is what the log adds up to (privacy_holdings.py). A reservation is decided
outside the write lock, for composing takes a while, and written only if the data set's log is still the one it was
decided on; so two processes that would overspend together never both get theirs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from moorage_api.dataset import PrivacyBudget
from moorage_api.errors import InvalidInput, Problem, Refused, Unavailable
from moorage_api.privacy import PrivacyMechanism
from moorage_billing.composition import epsilon_of, steps_that_fit
from moorage_billing.database import Database, opened
from moorage_billing.privacy_holdings import DatasetKey as DatasetKey
from moorage_billing.privacy_holdings import Entry, Holding, holdings, within
from moorage_billing.privacy_log import entry_values, last_sequence, read_entries, successor
from moorage_billing.privacy_statement import JobSpend as JobSpend
from moorage_billing.privacy_statement import Statement as Statement
from moorage_billing.schema import privacy_entries

_log = logging.getLogger(__name__)
_MAX_ATTEMPTS = 100
_MAX_URI_BYTES = 2048


@dataclass(frozen=True)
class Reservation:
    """A job's hold on a budget. `epsilon`: of everything spent and reserved, this included, at the budget's delta."""

    dataset: DatasetKey
    job_uid: str
    mechanism: PrivacyMechanism
    epsilon: float


class PrivacyLedger:
    """Reservations and spending by data set; safe for any number of processes at once."""

    def __init__(self, ledger: str | Database, busy_seconds: float = 30.0) -> None:
        """Open by SQLAlchemy URL, which may be the usage ledger's, or share an open database. Raises InvalidInput, Unavailable."""
        self._database = opened(ledger, busy_seconds)

    def reserve(self, dataset: DatasetKey, budget: PrivacyBudget, job_uid: str, job_ref: str, mechanism: PrivacyMechanism) -> Reservation:
        """Hold `mechanism` for a job if the composition of everything spent and reserved stays within the budget.

        Asking again for the same job and mechanism changes nothing and gets the same. Raises Refused if it does not fit
        (saying what would), or the job holds something else or is settled; InvalidInput for no steps; Unavailable.
        """
        if mechanism.steps < 1:
            raise InvalidInput(Problem("a reservation has at least one step", job_ref, "steps", str(mechanism.steps)))
        if len(dataset.uri.encode()) > _MAX_URI_BYTES:
            raise InvalidInput(Problem("the records' uri is too long", job_ref, "uri", None, f"at most {_MAX_URI_BYTES} bytes of UTF-8"))
        for _ in range(_MAX_ATTEMPTS):
            entries, own = self._read(dataset, job_uid)
            held = _held(dataset, own, job_ref, mechanism)
            others = [h.mechanism for h in holdings(entries) if h.job_uid != job_uid]
            epsilon = epsilon_of([*others, mechanism], budget.delta)
            if held:
                return Reservation(dataset, job_uid, mechanism, epsilon)
            if epsilon > budget.epsilon:
                raise _too_much(dataset, budget, job_ref, mechanism, others, epsilon)
            entry = entry_values(dataset.uri, job_uid, job_ref, "Reserved", mechanism, budget)
            if self._append_if_unchanged(entry, last_sequence(entries), last_sequence(own)):
                return Reservation(dataset, job_uid, mechanism, epsilon)
        message = f"the account changed {_MAX_ATTEMPTS} times while {job_ref} was decided"
        raise Unavailable(Problem(message, str(dataset), remedy="try again"))

    def commit(self, job_uid: str, mechanism: PrivacyMechanism) -> Holding:
        """Record what a job really ran in place of its reservation; what it did not run goes back.

        The truth comes first: more than was reserved is recorded as it was run, with `overrun` set and an error in the
        log. Committing the same again changes nothing; a later commit may only record more. Raises Refused where
        there is no reservation or less is claimed than was recorded; Unavailable.
        """
        with self._database.write() as connection:
            holding, last = _holding(connection, job_uid)
            if holding.state == "Committed" and holding.mechanism == mechanism:
                return holding
            if holding.state != "Reserved" and within(mechanism, holding.mechanism):
                raise _settled(holding, f"commit {_text(mechanism)}")
            connection.execute(insert(privacy_entries), successor(last, "Committed", mechanism))
            holding = _holding(connection, job_uid)[0]
        if holding.overrun:
            _log.error("%s ran %s, more than the %s it had reserved", holding.job_ref, _text(mechanism), _text(holding.planned))
        return holding

    def charge_whole(self, job_uid: str) -> Holding:
        """Charge the whole reservation of a job that ended without a report. Does nothing if it is settled. Raises Refused, Unavailable."""
        with self._database.write() as connection:
            holding, last = _holding(connection, job_uid)
            if holding.state == "Reserved":
                connection.execute(insert(privacy_entries), successor(last, "ChargedWhole", holding.mechanism))
            return _holding(connection, job_uid)[0]

    def release(self, job_uid: str, executed_steps: int = 0) -> Holding:
        """Give back the reservation of a job that ran not one private step; the job may reserve again.

        The caller vouches for `executed_steps`, from the run's own journal. Raises Refused if that is above 0, or the job
        is settled; Unavailable.
        """
        with self._database.write() as connection:
            holding, last = _holding(connection, job_uid)
            if holding.state == "Released":
                return holding
            if executed_steps != 0:
                fix = "commit what was run"
                raise Refused(Problem("private steps were run, so they are spent", holding.job_ref, "steps", str(executed_steps), fix))
            if holding.state != "Reserved":
                raise _settled(holding, "release")
            nothing = holding.mechanism.model_copy(update={"steps": 0})
            connection.execute(insert(privacy_entries), successor(last, "Released", nothing))
            return _holding(connection, job_uid)[0]

    def holding(self, job_uid: str) -> Holding | None:
        """What a job holds; None if it never reserved anything. Raises Unavailable."""
        with self._database.read() as connection:
            return next(iter(holdings(read_entries(connection, privacy_entries.c.job_uid == job_uid))), None)

    def statement(self, dataset: DatasetKey, budget: PrivacyBudget | None = None) -> Statement:
        """A data set's account. `budget` defaults to the one that was last reserved under, for a Dataset that is gone.

        Raises InvalidInput if neither is known; Unavailable.
        """
        entries, _ = self._read(dataset, "")
        if budget is None:
            if not entries:
                raise InvalidInput(Problem("nothing was ever reserved on these records", str(dataset), remedy="check the name or the uri"))
            budget = PrivacyBudget(epsilon=entries[-1].budget_epsilon, delta=entries[-1].budget_delta)
        held = holdings(entries)
        delta = budget.delta
        return Statement(
            dataset=dataset,
            budget=budget,
            spent=epsilon_of([h.mechanism for h in held if h.state != "Reserved"], delta),
            reserved=epsilon_of([h.mechanism for h in held], delta),
            jobs=tuple(JobSpend(h.job_uid, h.job_ref, h.state, h.mechanism, epsilon_of([h.mechanism], delta), h.overrun) for h in held),
        )

    def datasets(self) -> list[DatasetKey]:
        """All records that have an account, in order. Raises Unavailable."""
        with self._database.read() as connection:
            uris = connection.scalars(select(privacy_entries.c.dataset).distinct().order_by(privacy_entries.c.dataset))
            return [DatasetKey(uri) for uri in uris]

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _read(self, dataset: DatasetKey, job_uid: str) -> tuple[list[Entry], list[Entry]]:
        with self._database.read() as connection:
            own = read_entries(connection, privacy_entries.c.job_uid == job_uid)
            return read_entries(connection, privacy_entries.c.dataset == dataset.uri), own

    def _append_if_unchanged(self, entry: dict[str, object], dataset_last: int, job_last: int) -> bool:
        with self._database.write() as connection:
            dataset_now = read_entries(connection, privacy_entries.c.dataset == entry["dataset"])
            job_now = read_entries(connection, privacy_entries.c.job_uid == entry["job_uid"])
            if last_sequence(dataset_now) != dataset_last or last_sequence(job_now) != job_last:
                return False
            connection.execute(insert(privacy_entries), entry)
        return True


def _holding(connection: Connection, job_uid: str) -> tuple[Holding, Entry]:
    entries = read_entries(connection, privacy_entries.c.job_uid == job_uid)
    if not entries:
        raise Refused(Problem("no reservation in the privacy ledger", f"job {job_uid}", remedy="reserve before the first private step"))
    return holdings(entries)[0], entries[-1]


def _held(dataset: DatasetKey, own: list[Entry], job_ref: str, asked: PrivacyMechanism) -> bool:
    """Whether the job holds just what is asked; False if it holds nothing. Raises Refused if it holds something else."""
    holding = next(iter(holdings(own)), None)
    if holding is None or holding.state == "Released":
        return False
    if holding.state != "Reserved":
        raise _settled(holding, f"reserve {_text(asked)}")
    if own[-1].dataset != dataset.uri or holding.mechanism != asked:
        message = f"holds {_text(holding.mechanism)} of {own[-1].dataset} already"
        raise Refused(Problem(message, job_ref, "privacy", _text(asked), "settle that reservation first, or run under another uid"))
    return True


def _settled(holding: Holding, wish: str) -> Refused:
    message = f"is settled in the privacy ledger as {holding.state}, {_text(holding.mechanism)}; cannot {wish}"
    return Refused(Problem(message, holding.job_ref, remedy="a new run needs a job of its own: delete it and create it again"))


def _text(mechanism: PrivacyMechanism) -> str:
    return f"{mechanism.steps} steps at sampling rate {mechanism.sampling_rate:.6g} and noise {mechanism.noise_multiplier:.6g}"


def _too_much(
    dataset: DatasetKey,
    budget: PrivacyBudget,
    job_ref: str,
    asked: PrivacyMechanism,
    others: list[PrivacyMechanism],
    epsilon: float,
) -> Refused:
    spent = epsilon_of(others, budget.delta)
    fitting = steps_that_fit(others, asked, budget.epsilon, budget.delta) if spent <= budget.epsilon else 0
    left = f"epsilon {max(0.0, budget.epsilon - spent):.4g} is left"
    advice = f"at most {fitting} such steps fit: ask for fewer epochs or a smaller privacy.epsilon" if fitting else "not one such step fits"
    message = (
        f"{job_ref} asks for {_text(asked)}, with which epsilon would be {epsilon:.4g} at delta {budget.delta:g}; "
        f"the budget is {budget.epsilon:g}, of which {spent:.4g} is spent or reserved"
    )
    return Refused(Problem(message, str(dataset), "spec.privacyBudget.epsilon", None, f"{left}: {advice}"))
