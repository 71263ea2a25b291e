"""Heartbeats: each worker's small file with its lifetime and its progress.

Files, not messages, so that what a worker did before it was killed is known to whoever looks later: its lifetime is billed.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path

from pydantic import ValidationError

from moorage_api.base import ApiModel
from moorage_api.run_report import WorkerLifetime
from moorage_training.atomic_file import replace_file
from moorage_training.report.clock import timestamp

FOLDER = "workers"
STOP_REQUEST = "stop.request"
TICK_SECONDS = 0.25
REFRESH_SECONDS = 2.0
_NAME = re.compile(r"^(\d+)-(\d+)\.json$")


class Heartbeat(ApiModel):
    """pid: on its machine; step: executed steps of the whole run; taken: steps of this attempt; loss: of the latest step."""

    lifetime: WorkerLifetime
    pid: int
    step: int = 0
    taken: int = 0
    loss: float | None = None


class BeatingWorker:
    """Writes one worker's heartbeat from a thread of its own, and notices a request to stop."""

    def __init__(self, run_folder: Path, attempt: int, rank: int, cpus: float, gpus: float, started_at: str) -> None:
        self._path = run_folder / FOLDER / f"{attempt}-{rank}.json"
        self._request = run_folder / STOP_REQUEST
        self._beat = Heartbeat(
            pid=os.getpid(),
            lifetime=WorkerLifetime(
                worker=f"{attempt}/{rank}", cpus=cpus, gpus=gpus, started_at=started_at, last_seen_at=started_at, finished=False
            ),
        )
        self._progress: tuple[int, int, float | None] = (0, 0, None)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.stop_requested = False
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(finished=False)
        self._thread.start()

    def progressed(self, step: int, taken: int, loss: float | None) -> None:
        """Cheap; written at the next tick."""
        self._progress = (step, taken, loss)

    def end(self) -> None:
        """The worker's work is over."""
        self._over.set()
        self._thread.join()
        self._write(finished=True)

    def _live(self) -> None:
        written, ticks = self._progress, 0
        while not self._over.wait(TICK_SECONDS):
            ticks += 1
            self.stop_requested = self.stop_requested or self._request.exists()
            if self._progress != written or ticks * TICK_SECONDS >= REFRESH_SECONDS:
                written, ticks = self._progress, 0
                self._write(finished=False)

    def _write(self, finished: bool) -> None:
        step, taken, loss = self._progress
        lifetime = self._beat.lifetime.model_copy(update={"last_seen_at": timestamp(), "finished": finished})
        beat = self._beat.model_copy(update={"lifetime": lifetime, "step": step, "taken": taken, "loss": loss})
        data = beat.model_dump_json(by_alias=True).encode()
        # A full disk must not end the training here; the loop's own checkpoint will say so clearly.
        with contextlib.suppress(OSError):
            replace_file(self._path, lambda file: file.write(data), durable=False)


def read_heartbeats(run_folder: Path) -> dict[tuple[int, int], Heartbeat]:
    """By (attempt, rank); what cannot be read is left out."""
    folder = run_folder / FOLDER
    beats = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _NAME.match(path.name)
        if match:
            with contextlib.suppress(OSError, ValidationError):
                beats[int(match[1]), int(match[2])] = Heartbeat.model_validate_json(path.read_bytes())
    return beats


def next_attempt(run_folder: Path) -> int:
    """One more than any attempt that left a heartbeat."""
    return 1 + max((attempt for attempt, _ in read_heartbeats(run_folder)), default=0)
