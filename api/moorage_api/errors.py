"""What Moorage raises when somebody can do something about it.

    MoorageError
    ├── InvalidInput        what was given is wrong: one or more Problems           (exit code 2)
    ├── Refused             it is right, but a rule of privacy, money or gates forbids it  (exit code 1)
    └── Unavailable         something outside is missing now: disk, lock, service    (exit code 1)

Every one says what is wrong, where, with which value, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    where: a file, with its document's number if it holds several, or an object (`TrainingJob default/digits`).
    field: the path of the field, e.g. `spec.privacy.epsilon`; empty if it is about the whole.
    value: what stands there, as the user wrote it; None where there is nothing to show or it is secret.
    remedy: what to do about it; empty where `message` says it.
    """

    message: str
    where: str = ""
    field: str = ""
    value: str | None = None
    remedy: str = ""

    def __str__(self) -> str:
        place = ": ".join(p for p in (self.where, self.field) if p)
        shown = f" (got {self.value})" if self.value is not None else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{place + ': ' if place else ''}{self.message}{shown}{remedy}"


class MoorageError(Exception):
    """The root; `problems` is never empty."""

    exit_code = 1

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(str(p) for p in problems))


class InvalidInput(MoorageError):
    """What was given is wrong."""

    exit_code = 2


class Refused(MoorageError):
    """A rule of privacy, money or gates forbids it."""


class Unavailable(MoorageError):
    """Something outside is missing now."""
