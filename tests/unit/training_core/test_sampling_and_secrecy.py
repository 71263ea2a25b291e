"""Poisson sampling over ranks, and randomness that follows no seed."""

from __future__ import annotations

import random

import numpy as np
import torch

from moorage_training.privacy.noise import SecretNoise
from moorage_training.privacy.sampling import PoissonSampler, partition
from moorage_training.privacy.secrecy import secret_generator

RECORDS, RATE, DRAWS = 300, 0.1, 4000


def seed_everything():
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)


def draws_of(rank, world_size, generator, count):
    sampler = PoissonSampler(partition(RECORDS, rank, world_size), RATE, generator)
    return [sampler.draw() for _ in range(count)]


def test_every_record_belongs_to_one_rank():
    for world_size in (1, 2, 3, 7):
        parts = [partition(RECORDS, rank, world_size) for rank in range(world_size)]
        assert sorted(np.concatenate(parts)) == list(range(RECORDS))


def test_draws_are_independent_with_the_asked_probability():
    """Counts of records, of steps, and of pairs of records have the moments of a Bernoulli each."""
    picked = np.zeros((DRAWS, RECORDS))
    for rank in range(2):
        for step, drawn in enumerate(draws_of(rank, 2, np.random.default_rng([7, rank]), DRAWS)):
            picked[step, drawn] += 1
    assert set(np.unique(picked)) == {0.0, 1.0}
    deviation = np.sqrt(RATE * (1 - RATE) / DRAWS)
    assert np.abs(picked.mean(0) - RATE).max() < 5 * deviation
    sizes = picked.sum(1)
    assert abs(sizes.var() / (RECORDS * RATE * (1 - RATE)) - 1) < 0.1
    correlation = np.corrcoef(picked.T)[np.triu_indices(RECORDS, 1)]
    assert np.abs(correlation).max() < 6 / np.sqrt(DRAWS)


def test_a_draw_may_be_empty():
    sampler = PoissonSampler(partition(10, 0, 2), 0.05, secret_generator())
    assert any(len(sampler.draw()) == 0 for _ in range(100))


def test_neither_sampling_nor_noise_follows_global_seeds():
    outcomes = []
    for _ in range(2):
        seed_everything()
        sampled = tuple(int(i) for drawn in draws_of(0, 1, secret_generator(), 20) for i in drawn)
        outcomes.append((sampled, tuple(SecretNoise(torch.device("cpu")).draw(50, 1.0).tolist())))
    assert outcomes[0][0] != outcomes[1][0]
    assert outcomes[0][1] != outcomes[1][1]


def test_noise_is_normal_with_the_asked_deviation():
    noise = SecretNoise(torch.device("cpu"), np.random.default_rng(3)).draw(100_000, 2.5)
    assert abs(float(noise.mean())) < 0.05
    assert abs(float(noise.std()) - 2.5) < 0.03
