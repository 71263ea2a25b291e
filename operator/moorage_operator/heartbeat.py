"""Whether the operator still works: a beat goes through the same queue and the same workers as everything else.

"The web server answers" proves nothing about reconciling. A beat that comes out at the other end does; and the oldest key that
anybody works on must not be too old.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from moorage_operator.dependents import WorkKey

BEAT = WorkKey("Heartbeat")
BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
"""A beat waits behind what was added before it; five thousand objects at a hundred a second take as long."""
STUCK_SECONDS = 180.0
"""No single look takes as long: each request to the API server and the ledger gives up after 30 seconds."""


class Heartbeat:
    """clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, clock()

    async def beat(self, _key: WorkKey) -> float | None:
        """The step of BEAT."""
        self._last = self._clock()
        return BEAT_SECONDS

    def problem(self, oldest_seconds: float) -> str:
        """Why the operator should be restarted; empty while all is well."""
        silent = self._clock() - self._last
        if silent > STALE_SECONDS and oldest_seconds > STALE_SECONDS:
            return f"nothing was reconciled for {silent:.0f} s"
        if silent > STUCK_SECONDS:
            return f"the queue has stood still for {silent:.0f} s"
        if oldest_seconds > STUCK_SECONDS:
            return f"a reconciliation is stuck for {oldest_seconds:.0f} s"
        return ""
