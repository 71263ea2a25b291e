"""Runs requests that wait at the same time through the model together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


@dataclass(slots=True)
class _Waiting:
    rows: Rows
    answer: asyncio.Future[Rows]


class Batcher:
    """Collects rows until `max_rows` are there or the first has waited `wait_seconds`; with 0, what arrived in this turn of the loop.

    One batch runs at a time, in `executor`, or on the loop where that is None. A request is never split over two batches,
    so one with more than `max_rows` rows is a batch of its own, run in pieces of `max_rows`.
    """

    def __init__(
        self,
        run: Callable[[Rows], Rows],
        max_rows: int,
        wait_seconds: float,
        executor: Executor | None,
        observe_rows: Callable[[int], None],
    ) -> None:
        self._run_batch = run
        self._max_rows = max_rows
        self._wait_seconds = wait_seconds
        self._executor = executor
        self._observe_rows = observe_rows
        self._waiting: deque[_Waiting] = deque()
        self._rows_waiting = 0
        self._flush: asyncio.Handle | None = None
        self._running: asyncio.Task[None] | None = None

    async def scores(self, rows: Rows) -> Rows:
        """What the model answers to `rows`, row by row. Raises whatever the model raises, to every request of the batch."""
        loop = asyncio.get_running_loop()
        entry = _Waiting(rows, loop.create_future())
        self._waiting.append(entry)
        self._rows_waiting += len(rows)
        if self._running is None:
            if self._rows_waiting >= self._max_rows:
                self._schedule_now(loop)
            elif self._flush is None:
                later = self._wait_seconds > 0
                self._flush = loop.call_later(self._wait_seconds, self._start) if later else loop.call_soon(self._start)
        return await entry.answer

    def _schedule_now(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._flush is not None:
            self._flush.cancel()
        self._flush = loop.call_soon(self._start)

    def _start(self) -> None:
        self._flush = None
        if self._executor is None:
            while batch := self._take():
                try:
                    _deliver(batch, self._compute(batch))
                except Exception as error:  # the model's own; every request of the batch answers with it
                    _fail(batch, error)
        elif self._running is None and self._waiting:
            self._running = asyncio.get_running_loop().create_task(self._run_waiting(self._executor))

    async def _run_waiting(self, executor: Executor) -> None:
        loop = asyncio.get_running_loop()
        try:
            while batch := self._take():
                try:
                    _deliver(batch, await loop.run_in_executor(executor, self._compute, batch))
                except Exception as error:  # the model's own; every request of the batch answers with it
                    _fail(batch, error)
        finally:
            self._running = None

    def _take(self) -> list[_Waiting]:
        """The next batch, in the order of arrival; requests whose caller has gone are dropped."""
        batch: list[_Waiting] = []
        total = 0
        while self._waiting and (not batch or total + len(self._waiting[0].rows) <= self._max_rows):
            entry = self._waiting.popleft()
            self._rows_waiting -= len(entry.rows)
            if not entry.answer.done():
                batch.append(entry)
                total += len(entry.rows)
        if batch:
            self._observe_rows(total)
        return batch

    def _compute(self, batch: list[_Waiting]) -> list[Rows]:
        rows = batch[0].rows if len(batch) == 1 else np.concatenate([entry.rows for entry in batch])
        pieces = [self._run_batch(rows[i : i + self._max_rows]) for i in range(0, len(rows), self._max_rows)]
        scores = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        if len(batch) == 1:
            return [scores]
        ends = accumulate(len(entry.rows) for entry in batch)
        return [scores[end - len(entry.rows) : end] for entry, end in zip(batch, ends, strict=True)]


def _deliver(batch: list[_Waiting], answers: list[Rows]) -> None:
    for entry, answer in zip(batch, answers, strict=True):
        if not entry.answer.done():
            entry.answer.set_result(answer)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for entry in batch:
        if not entry.answer.done():
            entry.answer.set_exception(error)
