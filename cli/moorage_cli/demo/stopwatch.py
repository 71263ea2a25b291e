"""How long each part of the demo took, told from what the snapshots show."""

from __future__ import annotations

import time

from moorage_api.conditions import condition
from moorage_api.training_job import TrainingJob
from moorage_cli.engine.embedded import Snapshot

PARTS = {
    "Starting": "start",
    "Planned": "start",
    "Training": "training",
    "Exporting": "export",
    "Evaluating": "evaluation",
    "Succeeded": "ending",
}


class Stopwatch:
    """Adds up seconds by part. A part runs from the snapshot that first shows it to the one that shows the next."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._seconds: dict[str, float] = {}

    def see(self, snapshot: Snapshot) -> None:
        """Charge the time since the last snapshot to what is going on: each running job's part and whole, and services not yet ready."""
        now = time.monotonic()
        passed, self._last = now - self._last, now
        for job in snapshot.jobs:
            part = _part(job)
            if part is not None:
                self.add(f"{job.metadata.name} {part}", passed)
                self.add(f"{job.metadata.name} whole run", passed)
        for service in snapshot.services:
            ready = condition(service.status, "Ready")
            if ready is not None and ready.reason == "Deploying":
                self.add(f"{service.metadata.name} deploying", passed)

    def add(self, part: str, seconds: float) -> None:
        """Charge `seconds` to a part."""
        self._seconds[part] = self._seconds.get(part, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        """Seconds by part, and `total` since the stopwatch was made."""
        return {part: round(s, 2) for part, s in self._seconds.items()} | {"total": round(time.monotonic() - self._began, 2)}


def _part(job: TrainingJob) -> str | None:
    running = condition(job.status, "Running")
    if running is None or running.status != "True":
        return None
    if running.reason == "Training" and (job.status is None or job.status.progress is None or job.status.progress.step == 0):
        return "workers starting"
    return PARTS.get(running.reason, running.reason.lower())
