"""Watching the workers: from heartbeats and the journal to the progress and the privacy that the report shows."""

from __future__ import annotations

import time
from pathlib import Path

from moorage_api.privacy import Privacy, PrivacyMechanism, PrivacySpend
from moorage_api.run_config import RunConfig
from moorage_api.run_report import Plan
from moorage_api.training_job import Progress
from moorage_training.privacy.accounting import spend_of
from moorage_training.report.heartbeat import Heartbeat, read_heartbeats
from moorage_training.report.reporter import Reporter, merged_lifetimes

EPSILON_SHARE = 20
"""The live epsilon is computed anew once this many times as long as the last computation took have passed."""


class Watch:
    """Looks a few times a second, from the driver's main thread."""

    def __init__(self, config: RunConfig, plan: Plan, reporter: Reporter) -> None:
        self._folder, self._privacy = Path(config.folder), config.privacy
        self._plan, self._reporter = plan, reporter
        self._first_taken: tuple[int, float, int] | None = None
        self._epsilon_due = 0.0

    @property
    def workers_alive(self) -> bool:
        """Whether any worker of the latest attempt has begun and not ended."""
        return any(not beat.lifetime.finished for beat in self._latest(read_heartbeats(self._folder)))

    def look(self, running: bool) -> None:
        """Bring the report up to date; at the end (not `running`) exactly."""
        beats = read_heartbeats(self._folder)
        changes: dict[str, object] = {"workers": merged_lifetimes(self._reporter.report.workers, beats, running)}
        latest = self._latest(beats)
        if latest:
            attempt = max(attempt for attempt, _ in beats)
            first = min(latest, key=lambda beat: beat.lifetime.worker)
            changes["progress"] = self._progress(attempt, first)
            mechanism = self._plan.mechanism
            if self._privacy and mechanism and (not running or time.monotonic() >= self._epsilon_due):
                changes["privacy"] = self._spend(self._privacy, mechanism, first.step)
        self._reporter.update(**changes)

    def _latest(self, beats: dict[tuple[int, int], Heartbeat]) -> list[Heartbeat]:
        latest = max((attempt for attempt, _ in beats), default=0)
        return [beat for (attempt, _), beat in sorted(beats.items()) if attempt == latest]

    def _progress(self, attempt: int, beat: Heartbeat) -> Progress:
        total, now = self._plan.steps, time.monotonic()
        if beat.taken and (self._first_taken is None or self._first_taken[0] != attempt):
            self._first_taken = (attempt, now, beat.taken)
        eta = None
        if self._first_taken and self._first_taken[0] == attempt and beat.taken > self._first_taken[2]:
            _, began, taken = self._first_taken
            eta = (now - began) / (beat.taken - taken) * (total - beat.step)
        percent = 100.0 * beat.step / total if total else 100.0
        return Progress(step=beat.step, total=total, percent=percent, eta_seconds=eta, loss=beat.loss)

    def _spend(self, privacy: Privacy, mechanism: PrivacyMechanism, executed: int) -> PrivacySpend:
        began = time.monotonic()
        spend = spend_of(mechanism, executed, privacy.delta, privacy.accountant, privacy.epsilon)
        now = time.monotonic()
        self._epsilon_due = now + EPSILON_SHARE * (now - began)
        return spend
