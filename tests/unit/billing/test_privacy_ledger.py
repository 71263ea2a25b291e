"""The privacy ledger: no job overspends the records' budget, and what was spent stays spent."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from moorage_api.dataset import PrivacyBudget
from moorage_api.errors import InvalidInput, Refused
from moorage_api.privacy import PrivacyMechanism
from moorage_billing.composition import epsilon_of
from moorage_billing.privacy_ledger import DatasetKey, PrivacyLedger
from moorage_billing.privacy_log import entry_values
from moorage_billing.schema import privacy_entries

DIGITS = DatasetKey.of("sklearn://digits", "Dataset default/digits")
BUDGET = PrivacyBudget(epsilon=2.0, delta=1e-5)
PROGRAM = Path(__file__).parent / "programs" / "race_for_budget.py"


def steps(count: int, rate: float = 0.02, noise: float = 1.1) -> PrivacyMechanism:
    return PrivacyMechanism(sampling_rate=rate, noise_multiplier=noise, steps=count)


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[PrivacyLedger]:
    opened = PrivacyLedger(url(tmp_path))
    yield opened
    opened.close()


def reserve(ledger: PrivacyLedger, job: str, count: int, budget: PrivacyBudget = BUDGET) -> float:
    return ledger.reserve(DIGITS, budget, job, f"TrainingJob default/{job}", steps(count)).epsilon


def test_reserve_then_commit_less_gives_the_rest_back(ledger: PrivacyLedger) -> None:
    assert reserve(ledger, "a", 300) == epsilon_of([steps(300)], 1e-5)
    ledger.commit("a", steps(100))
    account = ledger.statement(DIGITS)
    assert account.spent == account.reserved == epsilon_of([steps(100)], 1e-5)
    assert account.remaining == 2.0 - account.reserved
    assert [(j.job_ref, j.state, j.overrun) for j in account.jobs] == [("TrainingJob default/a", "Committed", False)]


def test_what_does_not_fit_is_refused_with_what_would(ledger: PrivacyLedger) -> None:
    reserve(ledger, "a", 300)
    with pytest.raises(Refused) as caught:
        reserve(ledger, "b", 3000)
    text = str(caught.value)
    for part in ("Dataset default/digits", "TrainingJob default/b", "3000 steps", "budget is 2", "is left", "delta 1e-05"):
        assert part in text
    fitting = int(text.split("at most ")[1].split()[0])
    with pytest.raises(Refused):
        reserve(ledger, "b", fitting + 1)
    assert reserve(ledger, "b", fitting) <= 2.0


def test_asking_again_changes_nothing(ledger: PrivacyLedger) -> None:
    first = reserve(ledger, "a", 300)
    assert reserve(ledger, "a", 300) == first
    assert len(ledger.statement(DIGITS).jobs) == 1
    assert ledger.statement(DIGITS).reserved == first


@pytest.mark.parametrize("other", [steps(299), steps(301), steps(300, noise=1.2), steps(300, rate=0.03)])
def test_another_mechanism_for_the_same_job_is_refused(ledger: PrivacyLedger, other: PrivacyMechanism) -> None:
    reserve(ledger, "a", 300)
    with pytest.raises(Refused, match="holds 300 steps"):
        ledger.reserve(DIGITS, BUDGET, "a", "TrainingJob default/a", other)
    with pytest.raises(Refused, match="holds 300 steps"):
        ledger.reserve(DatasetKey.of("sklearn://iris"), BUDGET, "a", "TrainingJob default/a", steps(300))


def test_more_than_reserved_is_recorded_as_run_and_loud(ledger: PrivacyLedger, caplog: pytest.LogCaptureFixture) -> None:
    reserve(ledger, "a", 300)
    assert ledger.commit("a", steps(330)).overrun
    assert "more than" in caplog.text
    account = ledger.statement(DIGITS)
    assert account.spent == epsilon_of([steps(330)], 1e-5)
    assert account.jobs[0].overrun
    assert ledger.commit("a", steps(330)).mechanism == steps(330)
    with pytest.raises(Refused, match="settled"):
        ledger.commit("a", steps(10))
    assert ledger.commit("a", steps(400)).mechanism == steps(400)


def test_no_report_charges_the_whole(ledger: PrivacyLedger) -> None:
    reserve(ledger, "a", 300)
    assert ledger.charge_whole("a").state == "ChargedWhole"
    assert ledger.charge_whole("a").mechanism == steps(300)
    assert ledger.statement(DIGITS).spent == epsilon_of([steps(300)], 1e-5)
    for settle in (lambda: ledger.release("a"), lambda: reserve(ledger, "a", 300), lambda: ledger.commit("a", steps(1))):
        with pytest.raises(Refused, match="settled"):
            settle()


def test_a_release_needs_that_nothing_was_run(ledger: PrivacyLedger) -> None:
    reserve(ledger, "a", 300)
    with pytest.raises(Refused, match="commit what was run"):
        ledger.release("a", executed_steps=1)
    assert ledger.release("a").state == ledger.release("a").state == "Released"
    assert ledger.statement(DIGITS).reserved == 0
    assert reserve(ledger, "a", 200) > 0


def test_a_job_without_a_reservation_is_named(ledger: PrivacyLedger) -> None:
    for settle in (lambda: ledger.commit("x", steps(1)), lambda: ledger.charge_whole("x"), lambda: ledger.release("x")):
        with pytest.raises(Refused, match="job x: no reservation"):
            settle()
    with pytest.raises(InvalidInput, match="at least one step"):
        reserve(ledger, "a", 0)


def test_a_budget_lowered_later_shows_and_refuses(ledger: PrivacyLedger) -> None:
    reserve(ledger, "a", 300)
    lower = PrivacyBudget(epsilon=0.5, delta=1e-5)
    account = ledger.statement(DIGITS, lower)
    assert account.overspent
    assert account.remaining == 0
    with pytest.raises(Refused, match="not one such step fits"):
        reserve(ledger, "b", 1, lower)
    assert reserve(ledger, "a", 300, lower) == account.reserved


def test_the_account_belongs_to_the_records_not_to_a_name(ledger: PrivacyLedger, tmp_path: Path) -> None:
    records = tmp_path / "records.csv"
    records.touch()
    (tmp_path / "link.csv").symlink_to(records)
    spellings = [str(records), f"file://{records}", str(tmp_path / "x" / ".." / "records.csv"), str(tmp_path / "link.csv")]
    assert len({DatasetKey.of(spelling, f"Dataset d{n}") for n, spelling in enumerate(spellings)}) == 1
    ledger.reserve(DatasetKey.of(spellings[0]), BUDGET, "a", "job a", steps(300))
    assert ledger.statement(DatasetKey.of(spellings[3], "Dataset again")).reserved > 0
    assert ledger.datasets() == [DatasetKey.of(spellings[0])]


def test_the_account_outlives_the_process_and_nobody_can_change_it(ledger: PrivacyLedger, tmp_path: Path) -> None:
    reserve(ledger, "a", 300)
    ledger.close()
    assert PrivacyLedger(url(tmp_path)).statement(DIGITS).reserved > 0
    with sqlite3.connect(tmp_path / "ledger.db") as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("DELETE FROM privacy_entries")


def test_records_without_an_account_need_a_budget(ledger: PrivacyLedger) -> None:
    assert ledger.statement(DIGITS, BUDGET).remaining == 2.0
    with pytest.raises(InvalidInput, match="nothing was ever reserved"):
        ledger.statement(DIGITS)


def test_processes_that_race_never_overspend(tmp_path: Path) -> None:
    count = 300
    assert epsilon_of([steps(count)], 1e-5) <= 2.0 < epsilon_of([steps(2 * count)], 1e-5)
    racers = [
        subprocess.Popen([sys.executable, PROGRAM, url(tmp_path), f"j{n}", str(count)], stdin=-1, stdout=-1, text=True) for n in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outcomes = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert outcomes == ["refused", "refused", "reserved"]
    assert PrivacyLedger(url(tmp_path)).statement(DIGITS).reserved <= 2.0


def test_thirty_different_jobs_are_composed_quickly_from_cold(ledger: PrivacyLedger) -> None:
    wide = PrivacyBudget(epsilon=500.0, delta=1e-5)
    kinds = [steps(200 + n, rate=0.005 + n / 1000, noise=0.8 + n / 50) for n in range(30)]
    with ledger._database.write() as connection:
        entries = [entry_values(DIGITS.uri, f"j{n}", f"job {n}", "Reserved", kind, wide) for n, kind in enumerate(kinds)]
        connection.execute(insert(privacy_entries), entries)
    began = time.process_time()
    ledger.reserve(DIGITS, wide, "last", "job last", steps(100))
    assert time.process_time() - began < 3
