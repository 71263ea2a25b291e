"""Threads for what would hold up the event loop: the database, and long arithmetic. Bounded: a flood is told to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from moorage_api.errors import Problem, Unavailable

_T = TypeVar("_T")
_MAX_WAITING = 256


class Workers:
    """A pool of threads with a bounded queue."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._most = threads + _MAX_WAITING
        self._in_work = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[], _T]) -> _T:
        """The result of `work`, done by a thread. Raises what it raises, and Unavailable where too much waits already."""
        if self._in_work >= self._most:
            raise Unavailable(Problem(f"{self._in_work} requests wait for the ledger's {self._name} already", remedy="try again later"))
        self._in_work += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._in_work -= 1

    def close(self) -> None:
        """Wait for what is in work."""
        self._pool.shutdown(wait=True)
