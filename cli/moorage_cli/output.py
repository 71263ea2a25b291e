"""How answers are shown: tables when a person looks, aligned plain lines into a pipe, JSON on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table


class Format(StrEnum):
    """What `--output` takes."""

    table = "table"
    json = "json"


def is_person() -> bool:
    """Whether somebody looks at stdout."""
    return sys.stdout.isatty()


def say(text: str) -> None:
    """One line, as it stands."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """One line to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """A JSON document."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None, nothing: str = "nothing") -> None:
    """A table for a person, aligned lines for a pipe; `nothing` is said where there are no rows."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not texts:
        say(nothing)
    elif is_person():
        table = Table(*columns, title=title, title_justify="left")
        for row in texts:
            table.add_row(*[_unmarked(cell) for cell in row])
        Console().print(table)
    else:
        widths = [max(len(column), *(len(row[i]) for row in texts)) for i, column in enumerate(columns)]
        for line in (columns, *texts):
            say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _unmarked(text: str) -> str:
    return text.replace("[", r"\[")
