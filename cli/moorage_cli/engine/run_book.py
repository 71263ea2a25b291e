"""What the engine itself must remember of a run, beside the report that the run writes: survives a crash of either."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from moorage_api.base import ApiModel, Timestamp
from moorage_api.errors import InvalidInput, Problem
from moorage_api.run_report import RunReport
from moorage_cli.durable_file import write_durably

Asked = Literal["No", "Granted", "Denied"]


class RunBook(ApiModel):
    """book.json beside the folders of a generation's rounds."""

    round: Annotated[int, Field(ge=1)] = 1
    """Counts runs from scratch: a run whose privacy is settled is never continued. Its folder has this name."""
    starts: Annotated[int, Field(ge=0)] = 0
    """How often the process was started."""
    failures: Annotated[int, Field(ge=0)] = 0
    """How many of those ended badly while the engine looked on; held against backoffLimit."""
    started_at: Timestamp | None = None
    """The start of the present attempt's clock, for activeDeadlineSeconds."""
    active_seconds_before: Annotated[float, Field(ge=0)] = 0.0
    """Seconds that earlier attempts were active."""
    failed_at: Timestamp | None = None
    """The latest failure, for the pause before the next attempt."""
    admission: Asked = "No"
    """The privacy ledger's answer to the present attempt's plan."""
    holds_reservation: bool = False
    """Whether the privacy ledger holds something for the run that is yet to be settled."""
    settled: bool = False
    """Whether private steps of this round were charged for good; then another try starts a round of its own."""
    refusal: str = ""
    """Why it was denied."""
    stopped_for: Literal["Deadline"] | None = None
    """Why the engine stopped the process for good."""
    process: Annotated[int, Field(ge=1)] | None = None
    """The process id of the latest attempt."""
    process_started: str | None = None
    """The kernel's start time of that process, so that another with its id is not taken for it."""


def read_book(folder: Path) -> RunBook | None:
    """The book, or None before the first start. Raises InvalidInput if it is damaged."""
    file = folder / "book.json"
    if not file.exists():
        return None
    try:
        return RunBook.model_validate_json(file.read_bytes(), by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidInput(Problem(f"not a run's book: {error.errors()[0]['msg']}", str(file), remedy="remove the file")) from None


def write_book(folder: Path, book: RunBook) -> None:
    """Replace the book, durably."""
    write_durably(folder / "book.json", book.model_dump_json(by_alias=True, exclude_none=True) + "\n")


def next_try(book: RunBook) -> RunBook:
    """The book of a failed job that is tried once more: from its checkpoint, or from scratch where its privacy is settled."""
    if book.settled:
        return RunBook(round=book.round + 1)
    return RunBook(round=book.round, holds_reservation=book.holds_reservation)


def read_report(folder: Path) -> RunReport | None:
    """The run's report, or None before its first. Raises InvalidInput if the run wrote nonsense."""
    file = folder / "report.json"
    if not file.exists():
        return None
    try:
        return RunReport.model_validate_json(file.read_bytes(), by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidInput(
            Problem(f"not a run report: {first['msg']}", str(file), field, remedy="remove the run's folder and run again")
        ) from None
