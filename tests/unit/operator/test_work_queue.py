"""The queue's promises: once in the queue, never twice at a time, nothing lost, failures come back later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from moorage_operator.work_queue import FIRST_RETRY_SECONDS, WorkQueue


async def _run_until(queue: WorkQueue[str], work: Callable[[str], Awaitable[float | None]], done: asyncio.Event, workers: int = 4) -> None:
    task = asyncio.create_task(queue.run(work, workers))
    try:
        await asyncio.wait_for(done.wait(), 10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_key_that_waits_is_worked_on_once() -> None:
    async def scenario() -> list[str]:
        queue, seen, done = WorkQueue[str](), [], asyncio.Event()
        for key in ("a", "a", "b", "a", "stop"):
            queue.add(key)

        async def work(key: str) -> None:
            seen.append(key)
            if key == "stop":
                done.set()

        await _run_until(queue, work, done, workers=1)
        return seen

    assert asyncio.run(scenario()) == ["a", "b", "stop"]


def test_a_key_is_never_worked_on_twice_at_the_same_time_and_a_change_meanwhile_is_not_lost() -> None:
    async def scenario() -> tuple[int, int]:
        queue, done = WorkQueue[str](), asyncio.Event()
        running, most, times = 0, 0, 0

        async def work(_key: str) -> None:
            nonlocal running, most, times
            running, times = running + 1, times + 1
            most = max(most, running)
            if times < 5:
                queue.add("a")
            await asyncio.sleep(0)
            running -= 1
            if times == 5:
                done.set()

        queue.add("a")
        await _run_until(queue, work, done)
        return most, times

    assert asyncio.run(scenario()) == (1, 5)


def test_a_failure_comes_back_after_a_growing_pause_and_harms_no_other_key() -> None:
    async def scenario() -> tuple[list[float], list[str]]:
        loop = asyncio.get_running_loop()
        queue, done, moments, others = WorkQueue[str](), asyncio.Event(), [], []

        async def work(key: str) -> None:
            if key != "bad":
                others.append(key)
                return
            moments.append(loop.time())
            if len(moments) == 3:
                done.set()
                return
            raise RuntimeError(key)

        queue.add("bad")
        queue.add("good")
        await _run_until(queue, work, done, workers=1)
        return moments, others

    moments, others = asyncio.run(scenario())
    assert others == ["good"]
    first, second = moments[1] - moments[0], moments[2] - moments[1]
    assert first >= FIRST_RETRY_SECONDS
    assert second >= 2 * FIRST_RETRY_SECONDS


def test_the_earlier_of_two_appointments_stands_and_a_look_before_it_replaces_it() -> None:
    async def scenario() -> int:
        queue, done, times = WorkQueue[str](), asyncio.Event(), 0

        async def work(key: str) -> float | None:
            nonlocal times
            times += 1
            if times == 1:
                queue.add_after(key, 0.01)
                queue.add_after(key, 30.0)
                return None
            done.set()
            return None

        queue.add("a")
        await _run_until(queue, work, done)
        return times

    assert asyncio.run(scenario()) == 2


def test_what_is_worked_on_counts_for_depth_and_age() -> None:
    async def scenario() -> tuple[int, float]:
        now = 100.0
        queue, entered, leave = WorkQueue[str](clock=lambda: now), asyncio.Event(), asyncio.Event()

        async def work(_key: str) -> None:
            entered.set()
            await leave.wait()

        queue.add("a")
        task = asyncio.create_task(queue.run(work, 1))
        await asyncio.wait_for(entered.wait(), 5)
        now = 130.0
        found = queue.depth, queue.oldest_seconds
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    assert asyncio.run(scenario()) == (1, 30.0)
