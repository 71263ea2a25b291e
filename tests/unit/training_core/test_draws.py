"""A record's random numbers are its own."""

from __future__ import annotations

import numpy as np
import torch

from moorage_training.adversarial.ball import draw
from moorage_training.adversarial.draws import RecordDraws

SHAPE = (3, 4)


def numbers(seed: int, step: int, records: list[int]) -> torch.Tensor:
    return RecordDraws(seed, step, np.array(records)).uniform(torch.empty(len(records), *SHAPE))


def test_a_records_numbers_follow_it_wherever_it_stands_in_the_batch() -> None:
    together, alone = numbers(1, 2, [10, 20, 30]), numbers(1, 2, [30, 10])
    assert torch.equal(together[2], alone[0])
    assert torch.equal(together[0], alone[1])


def test_numbers_differ_by_seed_step_record_and_call() -> None:
    draws = RecordDraws(1, 2, np.array([10]))
    like = torch.empty(1, *SHAPE)
    seen = [draws.uniform(like), draws.uniform(like), numbers(1, 2, [11]), numbers(1, 3, [10]), numbers(2, 2, [10])]
    assert len({tuple(one.flatten().tolist()) for one in seen}) == len(seen)


def test_numbers_are_uniform_and_normal() -> None:
    draws = RecordDraws(0, 0, np.arange(200))
    like = torch.empty(200, 100)
    uniform, normal = draws.uniform(like), draws.normal(like)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.01
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03


def test_no_records_no_numbers() -> None:
    assert numbers(0, 0, []).shape == (0, *SHAPE)


def test_starts_fill_the_ball() -> None:
    draws = RecordDraws(0, 0, np.arange(500))
    like = torch.empty(500, 2)
    assert 0.09 < draw(like, "Linf", 0.1, draws).abs().max() <= 0.1
    lengths = draw(like, "L2", 0.1, draws).norm(dim=1)
    assert lengths.max() <= 0.1 + 1e-6
    # Uniform in the area: half of the points lie beyond radius / sqrt(2).
    assert abs((lengths > 0.1 / 2**0.5).float().mean() - 0.5) < 0.08
