"""Two tenants' programs: good calls at a steady rate, calls with a bad key, with bad input, and a burst above the rate limit."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from moorage_api.artifact import Signature
from moorage_api.tenant import RateLimit

GOOD_CALLS, BAD_KEY_CALLS, BAD_INPUT_CALLS, BURST_CALLS = 200, 5, 5, 100
MAX_BURSTS = 10
"""A machine may be too slow for one burst to reach the limit."""
TOO_FAST = 429
ROWS_OF_EVERY_TENTH = 5
STEADY_SHARE = 0.7
"""The steady calls come at this share of the tenant's limit."""
TIMEOUT_SECONDS = 30.0


@dataclass
class Tally:
    """What one tenant's program counted. latencies_ms: of its steady, good calls."""

    codes: Counter[int] = field(default_factory=Counter)
    rows_answered: int = 0
    unanswered: int = 0
    latencies_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Caller:
    """One tenant's program: its key, the service's infer URL, its limit, and what it asks about."""

    tenant: str
    key: str
    url: str
    limit: RateLimit
    records: Sequence[list[Any]]
    signature: Signature

    async def run(self, stopped: Callable[[], bool]) -> Tally:
        """Make every call, unless `stopped` says otherwise."""
        tally = Tally()
        limits = httpx.Limits(max_connections=BURST_CALLS)
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False) as client:
            records = itertools.cycle(self.records)
            pause = 1 / (self.limit.requests_per_second * STEADY_SHARE)
            for number in range(GOOD_CALLS):
                if stopped():
                    return tally
                rows = [next(records) for _ in range(ROWS_OF_EVERY_TENTH if number % 10 == 0 else 1)]
                began = time.monotonic()
                await self._call(client, tally, self._body(rows), len(rows), steady=True)
                await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))
            for _ in range(BAD_KEY_CALLS):
                await self._call(client, tally, self._body([next(records)]), 1, key=f"{self.key[:-1]}!")
                await asyncio.sleep(pause)
            for _ in range(BAD_INPUT_CALLS):
                await self._call(client, tally, self._tensor([1, 3], [1, 2, 3]), 1)
                await asyncio.sleep(pause)
            for _ in range(MAX_BURSTS):
                burst: list[Awaitable[None]] = [self._call(client, tally, self._body([next(records)]), 1) for _ in range(BURST_CALLS)]
                await asyncio.gather(*burst)
                if tally.codes[TOO_FAST] or stopped():
                    break
        return tally

    def _body(self, rows: list[list[Any]]) -> dict[str, Any]:
        return self._tensor([len(rows), *self.signature.shape], [v for row in rows for v in row])

    def _tensor(self, shape: list[int], data: list[Any]) -> dict[str, Any]:
        return {"inputs": [{"name": self.signature.input, "datatype": "FP32", "shape": shape, "data": data}]}

    async def _call(
        self, client: httpx.AsyncClient, tally: Tally, body: dict[str, Any], rows: int, *, key: str | None = None, steady: bool = False
    ) -> None:
        began = time.monotonic()
        try:
            response = await client.post(self.url, json=body, headers={"Authorization": f"Bearer {key or self.key}"})
        except httpx.HTTPError:
            tally.unanswered += 1
            return
        tally.codes[response.status_code] += 1
        if response.is_success:
            tally.rows_answered += rows
            if steady:
                tally.latencies_ms.append((time.monotonic() - began) * 1000)


def call_all(callers: Sequence[Caller], stopped: Callable[[], bool]) -> dict[str, Tally]:
    """Run the callers side by side; their tallies by tenant."""

    async def together() -> list[Tally]:
        return await asyncio.gather(*(caller.run(stopped) for caller in callers))

    return dict(zip((c.tenant for c in callers), asyncio.run(together()), strict=True))


def digit_records() -> list[list[float]]:
    """The digits that ship with scikit-learn as rows of 64 raw pixels (0 to 16), in a fixed random order."""
    from sklearn.datasets import load_digits

    rows: list[list[float]] = load_digits().data.tolist()
    random.Random(0).shuffle(rows)
    return rows
