"""The report on its way into its ConfigMap: at once when the phase changes, else now and then, and to the last."""

from __future__ import annotations

import time

from moorage_api.run_report import RunReport
from moorage_training.cluster.api_server import ApiServer, ApiServerError, NotThere
from moorage_training.cluster.report_document import document_for_operator
from moorage_training.cluster.terminal import Terminal

KEY = "report.json"
TASK = "sending the report"
PACE_SECONDS = 2.0
"""Between two documents of the same phase."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 8.0
FLUSH_SECONDS = 60.0
GONE_SECONDS = 10.0
"""How long the last report is kept for a ConfigMap that is gone: the operator makes it again, unless the job is deleted."""


class OutgoingReport:
    """The newest report, and whether the ConfigMap has it."""

    def __init__(self, server: ApiServer, namespace: str, name: str, terminal: Terminal) -> None:
        self._server, self._namespace, self._name, self._terminal = server, namespace, name, terminal
        self._newest: RunReport | None = None
        self._sent: RunReport | None = None
        self._due, self._pause = 0.0, FIRST_PAUSE_SECONDS

    def take(self, report: RunReport) -> None:
        """The newest report; a change of its phase is due at once, unless the API server is in trouble."""
        known = self._newest
        if known is not None and known.phase != report.phase and self._pause == FIRST_PAUSE_SECONDS:
            self._due = 0.0
        self._newest = report

    @property
    def waiting(self) -> bool:
        """Whether the ConfigMap lacks the newest report."""
        return self._newest is not None and self._newest != self._sent

    def send_if_due(self, now: float) -> None:
        """Patch the ConfigMap if there is something to say and it is time. now: monotonic seconds."""
        if self.waiting and now >= self._due:
            self._send(now)

    def flush(self) -> None:
        """Return once the newest is there, or cannot be got there in time."""
        started = time.monotonic()
        self._pause = FIRST_PAUSE_SECONDS
        while self.waiting:
            error = self._send(time.monotonic())
            limit = GONE_SECONDS if isinstance(error, NotThere) else FLUSH_SECONDS
            if error is None or self._due > started + limit:
                return
            time.sleep(max(0.0, self._due - time.monotonic()))

    def _send(self, now: float) -> ApiServerError | None:
        report = self._newest
        if report is None:
            return None
        try:
            self._server.patch_config_map(self._namespace, self._name, {KEY: document_for_operator(report)})
        except ApiServerError as error:
            self._terminal.trouble(TASK, error)
            self._due = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            return error
        self._terminal.well(TASK)
        self._sent, self._due, self._pause = report, now + PACE_SECONDS, FIRST_PAUSE_SECONDS
        return None
