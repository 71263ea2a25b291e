"""Requests that wait together run together, in order, and alone where they must."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from moorage_serving.model.batcher import Batcher


def rows(*values):
    return np.array(values, dtype=np.float32).reshape(-1, 1)


def run(test, *, max_rows=8, wait_seconds=0.0, model=lambda x: x * 2, threaded=False):
    sizes = []

    async def body():
        executor = ThreadPoolExecutor(1) if threaded else None
        result = await test(Batcher(model, max_rows, wait_seconds, executor, sizes.append))
        if executor is not None:
            executor.shutdown()
        return result

    return asyncio.run(body()), sizes


@pytest.mark.parametrize("threaded", [False, True])
def test_what_arrives_in_one_turn_is_one_batch_and_each_gets_its_own(threaded):
    async def test(batcher):
        return await asyncio.gather(*(batcher.scores(rows(i, i + 100)) for i in range(3)))

    answers, sizes = run(test, threaded=threaded)
    assert sizes == [6]
    assert [a.ravel().tolist() for a in answers] == [[2 * i, 2 * i + 200] for i in range(3)]


@pytest.mark.parametrize("threaded", [False, True])
def test_a_batch_never_has_more_than_max_rows_and_no_request_is_split(threaded):
    async def test(batcher):
        return await asyncio.gather(*(batcher.scores(rows(*range(3))) for _ in range(5)))

    answers, sizes = run(test, threaded=threaded)
    assert sizes == [6, 6, 3]
    assert all(a.ravel().tolist() == [0, 2, 4] for a in answers)


def test_a_request_larger_than_a_batch_is_run_in_pieces():
    seen = []

    def model(x):
        seen.append(len(x))
        return x

    async def test(batcher):
        return await batcher.scores(rows(*range(20)))

    answer, _ = run(test, model=model)
    assert seen == [8, 8, 4]
    assert answer.ravel().tolist() == list(range(20))


def test_while_a_batch_runs_the_next_collects():
    def model(x):
        time.sleep(0.05)
        return x

    async def test(batcher):
        first = asyncio.create_task(batcher.scores(rows(1)))
        await asyncio.sleep(0.01)
        others = [asyncio.create_task(batcher.scores(rows(i))) for i in range(4)]
        await asyncio.gather(first, *others)

    _, sizes = run(test, model=model, threaded=True)
    assert sizes == [1, 4]


def test_waiting_collects_until_the_time_or_the_rows_are_there():
    async def test(batcher):
        async def later(delay):
            await asyncio.sleep(delay)
            return await batcher.scores(rows(delay))

        start = time.monotonic()
        await asyncio.gather(later(0), later(0.01), later(0.02))
        waited = time.monotonic() - start
        start = time.monotonic()
        await asyncio.gather(*(batcher.scores(rows(i)) for i in range(8)))
        return waited, time.monotonic() - start

    (waited, full), sizes = run(test, wait_seconds=0.2)
    assert sizes == [3, 8]
    assert waited >= 0.2
    assert full < 0.1


@pytest.mark.parametrize("threaded", [False, True])
def test_a_failing_model_fails_its_batch_only(threaded):
    def model(x):
        if (x < 0).any():
            raise ValueError("negative")
        return x

    async def test(batcher):
        bad = await asyncio.gather(batcher.scores(rows(1)), batcher.scores(rows(-1)), return_exceptions=True)
        return bad, await batcher.scores(rows(3))

    (bad, good), _ = run(test, model=model, threaded=threaded)
    assert all(isinstance(b, ValueError) for b in bad)
    assert good.ravel().tolist() == [3]


def test_a_caller_that_has_gone_is_not_computed():
    async def test(batcher):
        gone = asyncio.create_task(batcher.scores(rows(1)))
        stays = asyncio.create_task(batcher.scores(rows(2)))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    answer, sizes = run(test, wait_seconds=0.02)
    assert sizes == [1]
    assert answer.ravel().tolist() == [4]
