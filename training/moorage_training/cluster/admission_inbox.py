"""The privacy ledger's answer on its way from its ConfigMap into the run's folder, where the run waits for it."""

from __future__ import annotations

from pathlib import Path

from moorage_api.errors import Problem, Unavailable
from moorage_api.run_config import ClusterObjects
from moorage_training.admission import ADMISSION
from moorage_training.atomic_file import replace_file
from moorage_training.cluster.api_server import ApiServer, ApiServerError
from moorage_training.cluster.terminal import Terminal

KEY = "admission.json"
TASK = "asking for the admission"
PACE_SECONDS = 1.0


class AdmissionInbox:
    """Brings what the ConfigMap says; whether it answers this run's question is for the run to judge."""

    def __init__(self, server: ApiServer, objects: ClusterObjects, folder: Path, terminal: Terminal) -> None:
        self._server, self._objects, self._folder, self._terminal = server, objects, folder, terminal
        self._brought: str | None = None
        self._due = 0.0

    def look_if_due(self, now: float) -> None:
        """Get the ConfigMap, at most once a second, and write what is new in it. now: monotonic seconds."""
        if now < self._due:
            return
        self._due = now + PACE_SECONDS
        try:
            found = self._server.get_config_map(self._objects.namespace, self._objects.admission).get(KEY)
        except ApiServerError as error:
            self._terminal.trouble(TASK, error)
            return
        self._terminal.well(TASK)
        if found and found != self._brought:
            self._write(found)

    def _write(self, found: str) -> None:
        path = self._folder / ADMISSION
        try:
            replace_file(path, lambda file: file.write(found.encode()), durable=True)
        except OSError as error:
            self._terminal.trouble(TASK, Unavailable(Problem(f"cannot be written: {error.strerror}", str(path))))
            return
        self._brought = found
