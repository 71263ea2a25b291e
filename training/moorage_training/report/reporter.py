"""report.json: kept by the driver alone, replaced whole."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moorage_api.run_report import Phase, RunReport, WorkerLifetime
from moorage_training.atomic_file import replace_file
from moorage_training.report.clock import timestamp
from moorage_training.report.heartbeat import Heartbeat

REPORT = "report.json"
LEAST_SECONDS = 0.25
RESERVE = "report.reserve"
RESERVE_BYTES = 64 * 1024
"""Room that is given up for the last report, so that a full disk can still be told of."""


def read_report(run_folder: Path) -> RunReport | None:
    """The report of an earlier start of the run, or None if there is none to read."""
    try:
        return RunReport.model_validate_json((run_folder / REPORT).read_bytes())
    except (OSError, ValidationError):
        return None


class Reporter:
    """Holds the report and writes it at most four times a second, at changes of the phase always."""

    def __init__(self, run_folder: Path, earlier: RunReport | None, attempt: int = 1) -> None:
        self._path, self._reserve = run_folder / REPORT, run_folder / RESERVE
        self._make_reserve()
        self.report = RunReport(phase="Starting", updated_at=timestamp(), attempt=attempt)
        if earlier is not None:
            # What was planned, spent and held stays known while the run starts anew.
            kept = {"plan": earlier.plan, "privacy": earlier.privacy, "workers": ended(earlier.workers)}
            self.report = self.report.model_copy(update=kept)
        self._written_at = 0.0
        self._write()

    def phase(self, phase: Phase, **changes: Any) -> None:
        """Enter `phase`."""
        self.report = self.report.model_copy(update={"phase": phase, **changes})
        self._write()

    def update(self, **changes: Any) -> None:
        """Change fields; written unless the last writing was a moment ago."""
        self.report = self.report.model_copy(update=changes)
        if time.monotonic() - self._written_at >= LEAST_SECONDS:
            self._write()

    def _write(self) -> None:
        self.report = self.report.model_copy(update={"updated_at": timestamp()})
        if self.report.phase == "Failed":
            self._reserve.unlink(missing_ok=True)
        _write_report(self._path, self.report)
        self._written_at = time.monotonic()

    def _make_reserve(self) -> None:
        with contextlib.suppress(OSError):
            replace_file(self._reserve, lambda file: file.write(bytes(RESERVE_BYTES)), durable=False)


def claim_success(run_folder: Path, report: RunReport, attempt: int) -> None:
    """Let the report of a run that has succeeded be `attempt`'s too, for whoever started that waits for its own."""
    if report.attempt == attempt:
        return
    _write_report(run_folder / REPORT, report.model_copy(update={"attempt": attempt}))


def _write_report(path: Path, report: RunReport) -> None:
    data = report.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()
    try:
        replace_file(path, lambda file: file.write(data), durable=False)
    except OSError as error:
        logging.getLogger(__name__).error("cannot write %s: %s", path, error)


def ended(workers: list[WorkerLifetime]) -> list[WorkerLifetime]:
    """The lifetimes of workers that are gone, however they went: last seen is the end."""
    return [worker.model_copy(update={"finished": True}) for worker in workers]


def merged_lifetimes(known: list[WorkerLifetime], beats: dict[tuple[int, int], Heartbeat], running: bool) -> list[WorkerLifetime]:
    """`known` brought up to date by heartbeats; if a later attempt runs, or none does, earlier workers are at their end."""
    by_worker = {worker.worker: worker for worker in known}
    latest = max((attempt for attempt, _ in beats), default=0)
    for (attempt, _), beat in sorted(beats.items()):
        lifetime = beat.lifetime
        if attempt < latest or not running:
            lifetime = lifetime.model_copy(update={"finished": True})
        by_worker[lifetime.worker] = lifetime
    return list(by_worker.values())
