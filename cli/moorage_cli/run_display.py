"""What `moorage run` shows while it works: a live bar for a person, a line at each change for a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from moorage_api.conditions import condition
from moorage_api.model_service import ModelService
from moorage_api.training_job import TrainingJob, TrainingJobStatus
from moorage_cli.engine.embedded import Snapshot

LINE_SECONDS = 5.0


class RunDisplay:
    """Shows snapshots. `live`: a person looks; `line`: where plain lines go."""

    def __init__(self, live: bool, line: Callable[[str], None]) -> None:
        self._progress = _bars() if live else None
        self._line = line
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[tuple[str, str], str] = {}
        self._lined_at: dict[str, float] = {}

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Show what changed."""
        for job in snapshot.jobs:
            self._job(job)
        for service in snapshot.services:
            self._change(service.ref, service_sentence(service))

    def _job(self, job: TrainingJob) -> None:
        status = job.status
        if status is None:
            return
        running = condition(status, "Running")
        if running is not None and running.status == "True":
            self._advance(job, status, running.reason)
        elif job.ref in self._tasks and self._progress is not None:
            self._progress.remove_task(self._tasks.pop(job.ref))
        self._change(job.ref, job_sentence(job))

    def _advance(self, job: TrainingJob, status: TrainingJobStatus, phase: str) -> None:
        progress = status.progress
        step, total = (progress.step, progress.total) if progress else (0, 0)
        details = progress_sentence(status)
        if self._progress is not None:
            if job.ref not in self._tasks:
                self._tasks[job.ref] = self._progress.add_task(job.metadata.name, total=None, phase=phase, details="")
            self._progress.update(self._tasks[job.ref], completed=step, total=total or None, phase=phase, details=details)
        elif step and phase == "Training" and time.monotonic() - self._lined_at.get(job.ref, 0.0) >= LINE_SECONDS:
            self._lined_at[job.ref] = time.monotonic()
            self._change(job.ref, f"step {step}/{total} {details}".rstrip(), about="progress")

    def announce(self, text: str) -> None:
        """A line above the bars."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self._line(text)

    def _change(self, ref: str, sentence: str, about: str = "state") -> None:
        if self._said.get((ref, about)) != sentence:
            self._said[ref, about] = sentence
            self.announce(f"{ref}: {sentence}")


def progress_sentence(status: TrainingJobStatus) -> str:
    """`loss 1.234  epsilon 2.10  ETA 12 s`, as far as known."""
    parts = []
    if status.progress is not None and status.progress.loss is not None:
        parts.append(f"loss {status.progress.loss:.3f}")
    if status.privacy is not None:
        parts.append(f"epsilon {status.privacy.epsilon_spent:.2f}")
    if status.progress is not None and status.progress.eta_seconds is not None:
        parts.append(f"ETA {status.progress.eta_seconds:.0f} s")
    return "  ".join(parts)


def job_sentence(job: TrainingJob) -> str:
    """How the job stands, without what changes at every step."""
    succeeded, gates, running = (condition(job.status, t) for t in ("Succeeded", "GatesPassed", "Running"))
    if succeeded is not None and succeeded.status == "True":
        metrics = job.status.metrics if job.status else {}
        figures = ", ".join(f"{name} {metrics[name]:.4g}" for name in ("accuracy", "robustAccuracy", "epsilonSpent") if name in metrics)
        if gates is not None and gates.status == "False":
            return f"succeeded ({figures}), but the model is refused by its gates: {gates.message}"
        return f"succeeded ({figures})" if figures else "succeeded"
    if succeeded is not None and succeeded.status == "False":
        return f"failed ({succeeded.reason}): {succeeded.message}"
    if running is None:
        return "pending"
    phase = "finishing" if running.reason in ("Succeeded", "Failed") else running.reason.lower()
    return f"{phase}{f': {running.message}' if running.message else ''}"


def service_sentence(service: ModelService) -> str:
    """How the service stands."""
    ready = condition(service.status, "Ready")
    if ready is None:
        return "pending"
    if ready.status == "True":
        url = service.status.url if service.status else ""
        return f"ready at {url}{f' ({ready.message})' if ready.message else ''}"
    if ready.reason == "Deploying":
        return "deploying"
    return f"not ready ({ready.reason}): {ready.message}"


def _bars() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description} {task.fields[phase]}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[details]}", markup=False),
        TimeElapsedColumn(),
        console=Console(),
        transient=True,
        refresh_per_second=4,
    )
