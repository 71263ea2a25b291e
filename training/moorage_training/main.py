"""`python -m moorage_training RUN.json`: one run, one exit code, at most one line on the terminal."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal, TextIO

from pydantic import ValidationError

from moorage_api.errors import InvalidInput, MoorageError, Problem, Refused
from moorage_api.run_config import RunConfig
from moorage_api.run_report import RunFailure
from moorage_training.atomic_file import replace_file
from moorage_training.report.reporter import Reporter, claim_success, read_report
from moorage_training.run_lock import PATIENCE_SECONDS, claim
from moorage_training.stopping import StopSignal, raise_on_signals
from moorage_training.worker_loss import WorkersLost

LOG = "run.log"
CONFIG_DIGEST = "config.sha256"
NOT_OF_THE_RUN = {"attempt", "executed_steps_at_least", "cluster", "max_failures"}
"""Fields that may differ between two starts of one run."""
USAGE = "usage: python -m moorage_training RUN.json"
Companion = Callable[[TextIO], AbstractContextManager[None]]
"""What goes on beside a run, from before its first report until after its last. It is given the terminal."""


def no_companion(_: RunConfig) -> Companion:
    """On one machine files are enough."""
    return lambda _: nullcontext()


def main(arguments: list[str], companion_of: Callable[[RunConfig], Companion] = no_companion) -> int:
    """0: succeeded, whether or not the gates passed; 2: invalid input; 1: anything else."""
    if len(arguments) != 1:
        sys.stderr.write(USAGE + "\n")
        return 2
    try:
        config = _read_config(Path(arguments[0]))
        companion = companion_of(config)
        folder = Path(config.folder)
        lock = claim(folder, patience_seconds=PATIENCE_SECONDS if config.cluster else 0.0)
    except MoorageError as error:
        sys.stderr.write(_one_line(error) + "\n")
        return error.exit_code
    terminal = _silence(folder / LOG)
    try:
        with companion(terminal):
            failure, code = _run(config, folder)
        if failure is not None:
            terminal.write(failure.message + "\n")
            terminal.flush()
        return code
    finally:
        os.close(lock)


def _run(config: RunConfig, folder: Path) -> tuple[RunFailure | None, int]:
    """Never raises; the traceback of what went wrong goes to the log."""
    log = logging.getLogger("moorage_training")
    earlier = read_report(folder)
    digest = hashlib.sha256(config.model_dump_json(exclude=NOT_OF_THE_RUN).encode()).hexdigest().encode()
    if earlier is not None and earlier.phase == "Succeeded" and _same(folder / CONFIG_DIGEST, digest):
        claim_success(folder, earlier, config.attempt)
        return None, 0
    reporter = Reporter(folder, earlier, config.attempt)
    failure, code = RunFailure(reason="Internal", message="internal error"), 1
    try:
        raise_on_signals()
        replace_file(folder / CONFIG_DIGEST, lambda file: file.write(digest), durable=False)
        from moorage_training.run import execute

        execute(config, reporter)
        return None, 0
    except StopSignal as stop:
        failure = RunFailure(reason="Unavailable", message=f"stopped by {stop.name}; run the same command again to resume")
    except MoorageError as error:
        log.exception("the run failed")
        failure, code = RunFailure(reason=_reason(error), message=_one_line(error)), error.exit_code
    except OSError as error:
        log.exception("the run failed")
        failure = RunFailure(
            reason="Unavailable", message=f"{error.filename or folder}: {error.strerror or error}; free or repair it, then run again"
        )
    except Exception as error:
        log.exception("the run failed")
        failure = RunFailure(reason="Internal", message=f"internal error ({type(error).__name__}); the details are in {folder / LOG}")
    reporter.phase("Failed", failure=failure)
    return failure, code


def _reason(error: MoorageError) -> Literal["InvalidInput", "Refused", "WorkerLost", "Unavailable"]:
    if isinstance(error, InvalidInput):
        return "InvalidInput"
    if isinstance(error, Refused):
        return "Refused"
    return "WorkerLost" if isinstance(error, WorkersLost) else "Unavailable"


def _read_config(path: Path) -> RunConfig:
    try:
        return RunConfig.model_validate_json(path.read_bytes(), by_alias=True, by_name=False)
    except OSError as error:
        raise InvalidInput(Problem(f"cannot be read: {error.strerror}", str(path), remedy="give the path of a run config")) from None
    except ValidationError as error:
        problems = [Problem(e["msg"], str(path), ".".join(map(str, e["loc"]))) for e in error.errors()]
        raise InvalidInput(*problems) from None


def _silence(log: Path) -> TextIO:
    """Send everything that this process and its libraries print to `log`, below Python too; returns the terminal."""
    terminal = os.fdopen(os.dup(2), "w")
    os.set_inheritable(terminal.fileno(), False)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return terminal


def _same(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _one_line(error: MoorageError) -> str:
    return " | ".join(" ".join(str(problem).split()) for problem in error.problems)
