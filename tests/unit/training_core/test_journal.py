"""The journal never forgets a step, and never counts one that was not made durable."""

from __future__ import annotations

import subprocess
import sys

import pytest

from moorage_api.errors import InvalidInput, Unavailable
from moorage_api.privacy import PrivacyMechanism
from moorage_training.privacy.journal import JOURNAL, JournalHeader, StepJournal, read_journal

HEADER = JournalHeader(mechanism=PrivacyMechanism(sampling_rate=0.1, noise_multiplier=1.5, steps=100), fingerprint="f")


def test_steps_are_counted_over_attempts(tmp_path):
    for attempt, steps in ((1, 3), (2, 4)):
        with StepJournal(tmp_path, HEADER, attempt) as journal:
            for _ in range(steps):
                journal.record()
    assert journal.executed == 7
    assert read_journal(tmp_path).executed == 7
    assert (tmp_path / JOURNAL).read_text().splitlines()[1:] == ["0 1", "1 1", "2 1", "3 2", "4 2", "5 2", "6 2"]


def test_a_torn_line_was_never_a_step(tmp_path):
    with StepJournal(tmp_path, HEADER, 1) as journal:
        journal.record()
        journal.record()
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes() + b"2 ")
    assert read_journal(tmp_path).executed == 2
    with StepJournal(tmp_path, HEADER, 2) as journal:
        assert journal.executed == 2
        journal.record()
    assert path.read_text().splitlines()[-1] == "2 2"


@pytest.mark.parametrize("damage", [b"9 1\n", b"x y\n", b"1 1 1\n", b"\n"])
def test_a_damaged_journal_is_refused_not_guessed(tmp_path, damage):
    with StepJournal(tmp_path, HEADER, 1) as journal:
        journal.record()
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes() + damage)
    with pytest.raises(Unavailable, match="without it the privacy spent is unknown"):
        read_journal(tmp_path)


def test_the_journal_of_another_mechanism_is_refused(tmp_path):
    StepJournal(tmp_path, HEADER, 1).close()
    other = HEADER.model_copy(update={"fingerprint": "g"})
    with pytest.raises(InvalidInput, match="other settings or records"):
        StepJournal(tmp_path, other, 2)


def test_there_is_one_writer_at_a_time(tmp_path, monkeypatch):
    from moorage_training.privacy import journal as module

    monkeypatch.setattr(module, "LOCK_SECONDS", 0.2)
    with StepJournal(tmp_path, HEADER, 1), pytest.raises(Unavailable, match="another worker still writes it"):
        StepJournal(tmp_path, HEADER, 2)


def test_a_step_that_the_disk_refuses_does_not_count(tmp_path):
    """The file may not grow beyond a limit: the step fails, and the journal is as it was before."""
    script = f"""
import resource, signal, sys
from pathlib import Path
from moorage_api.errors import Unavailable
from moorage_api.privacy import PrivacyMechanism
from moorage_training.privacy.journal import JournalHeader, StepJournal
header = JournalHeader.model_validate_json({HEADER.model_dump_json()!r})
journal = StepJournal(Path({str(tmp_path)!r}), header, 1)
journal.record()
size = (Path({str(tmp_path)!r}) / "steps.journal").stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 2, size + 2))
try:
    journal.record()
except Unavailable as error:
    sys.exit(str(error))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "cannot record a private step" in ended.stderr
    assert read_journal(tmp_path).executed == 1
    assert (tmp_path / JOURNAL).read_bytes().endswith(b"0 1\n")
