"""What `kubectl logs` and `ray job logs` show of a run: a line a phase, a line a trouble. The libraries' output is in run.log."""

from __future__ import annotations

import logging
from typing import TextIO

from moorage_api.errors import MoorageError
from moorage_api.run_report import RunReport

_log = logging.getLogger(__name__)


class Terminal:
    """Writes whole lines, each phase and each trouble once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._phase = ""
        self._troubles: dict[str, str] = {}

    def phase(self, report: RunReport) -> None:
        """Say that a phase has begun. How a run failed is said by the run itself."""
        if report.phase != self._phase:
            self._phase = report.phase
            self._line(_sentence(report))

    def trouble(self, task: str, error: MoorageError) -> None:
        """Say what keeps `task` from being done, unless that was said before; the log has the cause."""
        words = " ".join(str(error).split())
        if words != self._troubles.get(task):
            self._troubles[task] = words
            _log.warning("%s: %s", task, words, exc_info=error)
            self._line(f"{task}: {words}; trying again")

    def well(self, task: str) -> None:
        """`task` was done."""
        if self._troubles.pop(task, None):
            self._line(f"{task}: done")

    def _line(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            _log.warning("nobody listens at the terminal: %s", error)


def _sentence(report: RunReport) -> str:
    if report.phase == "Planned" and report.plan is not None:
        return f"Planned: {report.plan.steps} steps over {report.plan.records} records"
    if report.phase == "Succeeded" and report.model is not None:
        return f"Succeeded: {report.model.uri}"
    return str(report.phase)
