"""Checkpoints: a training's state on disk, from which it goes on after any crash. Data only, never code.

Whoever finds none has not waited for torch to be imported.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moorage_api.errors import Problem, Unavailable
from moorage_training.atomic_file import replace_file

FOLDER = "checkpoints"
KEPT = 2
_NAME = re.compile(r"^step-(\d{9})\.pt$")


@dataclass
class Checkpoint:
    """step: executed steps; accountant: [noise multiplier, sampling rate, steps] of each stretch; history: [step, loss].

    Random numbers need no state here: those that follow the configured seed are a function of (seed, step, record), and
    the secret ones are drawn afresh.
    """

    fingerprint: str
    step: int
    network: dict[str, Any]
    optimizer: dict[str, Any]
    accountant: list[list[float]] = field(default_factory=list)
    history: list[list[float]] = field(default_factory=list)
    early_stopping: dict[str, Any] | None = None
    finished: bool = False


def write_checkpoint(run_folder: Path, checkpoint: Checkpoint) -> Path:
    """Durable and whole or not at all; the last two are kept. Raises Unavailable if the disk will not take it."""
    folder = run_folder / FOLDER
    path = folder / f"step-{checkpoint.step:09d}.pt"
    import torch

    # Serialised in memory first: torch's own writer reports a full disk as an internal error of its archive.
    serialised = io.BytesIO()
    torch.save(asdict(checkpoint), serialised)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, lambda file: file.write(serialised.getbuffer()), durable=True)
    except OSError as error:
        raise Unavailable(
            Problem(
                f"cannot write a checkpoint: {error.strerror or error}",
                str(path),
                remedy="free the disk and run the same command again; it resumes from the checkpoint before",
            )
        ) from None
    for old in _found(folder)[KEPT:]:
        with contextlib.suppress(OSError):
            old.unlink()
    return path


def latest_checkpoint(run_folder: Path) -> Checkpoint | None:
    """The newest checkpoint, or None; raises Unavailable if it cannot be read."""
    found = _found(run_folder / FOLDER)
    if not found:
        return None
    import torch

    try:
        content = torch.load(found[0], map_location="cpu", weights_only=True)
        return Checkpoint(**content)
    except Exception as error:
        # torch.load raises whatever its parsers do: pickle errors, RuntimeError, EOFError, KeyError.
        raise Unavailable(
            Problem(f"cannot read a checkpoint: {type(error).__name__}", str(found[0]), remedy="remove it; the one before is used then")
        ) from error


def _found(folder: Path) -> list[Path]:
    """Newest first."""
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if _NAME.match(p.name)), reverse=True)
