"""The journal of executed private steps: what epsilon is computed from, whatever crashed in between.

A text file. The first line is the header: the mechanism that was planned, and the run's fingerprint. Every further line is
one executed step, `<step> <attempt>`, written and synced before the step's noised gradient leaves rank 0. A line without
its line end was never synced, so its step never happened; opening the journal cuts it off. Anything else that is out of
order is an error: a step must never be forgotten.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pydantic import Field, ValidationError

from moorage_api.base import ApiModel
from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.privacy import PrivacyMechanism

JOURNAL = "steps.journal"
LOCK_SECONDS = 100.0
"""The lock of a machine that died goes with its lease; NFS gives 90 seconds."""


class JournalHeader(ApiModel):
    """What every line of the journal is a step of."""

    version: int = Field(default=1, ge=1, le=1)
    mechanism: PrivacyMechanism
    fingerprint: str


@dataclass(frozen=True)
class JournalState:
    """What a journal says: its header (None if it was never begun), its executed steps, and the bytes that hold."""

    header: JournalHeader | None
    executed: int
    length: int


def read_journal(folder: Path) -> JournalState:
    """Read without writing; raises Unavailable if the journal is damaged."""
    path = folder / JOURNAL
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return JournalState(None, 0, 0)
    except OSError as error:
        raise _damaged(path, f"cannot be read: {error.strerror}") from None
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines()
    if not lines:
        return JournalState(None, 0, 0)
    try:
        header = JournalHeader.model_validate_json(lines[0])
    except ValidationError:
        raise _damaged(path, "has a malformed header") from None
    for number, line in enumerate(lines[1:]):
        words = line.split()
        if len(words) != 2 or not words[0].isdigit() or not words[1].isdigit() or int(words[0]) != number:
            raise _damaged(path, f"line {number + 2} is not step {number}")
    return JournalState(header, len(lines) - 1, len(whole))


def require_same_run(state: JournalState, expected: JournalHeader, folder: Path) -> None:
    """Raises InvalidInput if the journal belongs to a run with other settings, whose steps cannot be continued."""
    if state.header is not None and state.header != expected:
        raise InvalidInput(
            Problem(
                f"the run folder {folder} holds {state.executed} executed steps of a run with other settings or records",
                "run",
                "folder",
                None,
                "start the changed job in a new folder, or undo the change to resume",
            )
        )


class StepJournal:
    """The writing end, held by rank 0 of one attempt at a time; a second writer waits until the first is gone."""

    def __init__(self, folder: Path, header: JournalHeader, attempt: int) -> None:
        self._path, self._attempt = folder / JOURNAL, attempt
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise _unwritable(self._path, error) from None
        self._lock()
        state = read_journal(folder)
        require_same_run(state, header, folder)
        self.executed = state.executed
        self._whole = state.length
        os.ftruncate(self._file, state.length)
        if state.header is None:
            self._write(header.model_dump_json(by_alias=True) + "\n")

    def record(self) -> None:
        """Make the next step durable, before it happens; raises Unavailable if it cannot be, and then it must not happen."""
        self._write(f"{self.executed} {self._attempt}\n")
        self.executed += 1

    def _write(self, line: str) -> None:
        data = line.encode()
        try:
            if os.write(self._file, data) != len(data):
                raise OSError("the disk took only a part of the line")
            os.fdatasync(self._file)
        except OSError as error:
            # The line may lie there in part, or whole but unsynced. Its step does not happen, so it must not count.
            os.ftruncate(self._file, self._whole)
            raise _unwritable(self._path, error) from None
        self._whole += len(data)

    def _lock(self) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        Problem("another worker still writes it", str(self._path), remedy="wait for the other run to end")
                    ) from None
                time.sleep(0.1)

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> StepJournal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _unwritable(path: Path, error: OSError) -> Unavailable:
    reason = error.strerror or str(error)
    return Unavailable(
        Problem(f"cannot record a private step: {reason}", str(path), remedy="free the disk and run the same command again; it resumes")
    )


def _damaged(path: Path, what: str) -> Unavailable:
    return Unavailable(
        Problem(
            f"the record of executed private steps {what}", str(path), remedy="restore the file; without it the privacy spent is unknown"
        )
    )
