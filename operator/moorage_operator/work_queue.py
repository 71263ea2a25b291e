"""Which objects are to be looked at: each at most once in the queue, never twice at the same time, again later after a failure.

As client-go's workqueue: a key that is added while it is worked on is worked on once more afterwards, so no change is lost.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.25, 60.0
K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """For one event loop. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready: OrderedDict[K, float] = OrderedDict()
        self._working: dict[K, float] = {}
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()

    @property
    def depth(self) -> int:
        """Keys that wait or are worked on."""
        return len(self._ready) + len(self._working)

    @property
    def oldest_seconds(self) -> float:
        """How long the key that waits, or is worked on, longest has done so."""
        since = min(itertools.chain(self._ready.values(), self._working.values()), default=None)
        return 0.0 if since is None else max(0.0, self._clock() - since)

    def add(self, key: K) -> None:
        """Look at `key` as soon as a worker is free."""
        self._due.pop(key, None)
        if key in self._working:
            self._again.add(key)
        elif key not in self._ready:
            self._ready[key] = self._clock()
            self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Look at `key` in `seconds` at the latest; an earlier appointment stands."""
        due = self._clock() + seconds
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._wake.set()

    async def run(self, work: Callable[[K], Awaitable[float | None]], workers: int) -> None:
        """Work for ever. `work` returns when to look again (seconds, None: when told), or raises: then again after a growing pause."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_appointments())
            for _ in range(workers):
                group.create_task(self._work(work))

    async def _work(self, work: Callable[[K], Awaitable[float | None]]) -> None:
        while True:
            key = await self._next()
            try:
                again = await work(key)
            except Exception:  # reported by `work` itself; a worker must live
                failures = self._failures.get(key, 0)
                self._failures[key] = failures + 1
                again = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0**failures)
            else:
                self._failures.pop(key, None)
            del self._working[key]
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            elif again is not None:
                self.add_after(key, again)

    async def _next(self) -> K:
        while not self._ready:
            self._wake.clear()
            await self._wake.wait()
        key, _ = self._ready.popitem(last=False)
        self._working[key] = self._clock()
        return key

    async def _keep_appointments(self) -> None:
        while True:
            now = self._clock()
            while self._heap and self._heap[0][0] <= now:
                due, _, key = heapq.heappop(self._heap)
                if self._due.get(key) == due:
                    self.add(key)
            pause = 1.0 if not self._heap else min(1.0, max(0.005, self._heap[0][0] - now))
            await asyncio.sleep(pause)
