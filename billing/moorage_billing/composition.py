"""What several mechanisms spend together: an upper bound of epsilon at a delta, by dp-accounting.

Privacy loss distributions (PLD; pessimistic, connect-the-dots discretisation, add/remove adjacency) are tight and their
cost grows with the number of different mechanisms, so they are discretised more coarsely as that grows; Rényi accounting
(RDP, integer orders) bounds the result as well, and stands alone where distributions would be too large. Both are upper
bounds, so the smaller is one too. Mechanisms that differ in steps only are one mechanism with the sum of the steps.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from moorage_api.privacy import PrivacyMechanism

_Key = tuple[float, float]

# (up to so many different mechanisms, width of a bucket of privacy loss); measured: a second at the most, cold.
_INTERVALS = ((12, 1e-3), (24, 2e-3), (60, 5e-3), (120, 1e-2))
_MAX_BUCKETS = 3_000_000
_ORDERS = (*range(2, 65), 72, 80, 96, 128, 192, 256, 384, 512, 1024)


def epsilon_of(mechanisms: Iterable[PrivacyMechanism], delta: float) -> float:
    """An upper bound of epsilon of the composition at `delta`; 0 for no steps, infinity where none can be given. Pure."""
    steps: Counter[_Key] = Counter()
    for mechanism in mechanisms:
        if mechanism.steps:
            steps[mechanism.sampling_rate, mechanism.noise_multiplier] += mechanism.steps
    return _epsilon(tuple(sorted(steps.items())), delta) if steps else 0.0


def steps_that_fit(spent: Iterable[PrivacyMechanism], asked: PrivacyMechanism, epsilon: float, delta: float) -> int:
    """The most steps of `asked`, up to its own, that keep the composition with `spent` within `epsilon` at `delta`. Pure."""
    before = list(spent)

    def fits(steps: int) -> bool:
        return epsilon_of([*before, asked.model_copy(update={"steps": steps})], delta) <= epsilon

    low, high = 0, asked.steps
    if fits(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


@lru_cache(maxsize=1024)
def _epsilon(steps: tuple[tuple[_Key, int], ...], delta: float) -> float:
    renyi = _renyi_epsilon(steps, delta)
    interval = next((width for most, width in _INTERVALS if len(steps) <= most), None)
    if interval is None or 2 * renyi / interval > _MAX_BUCKETS:
        return renyi
    total: Any = None
    for (sampling_rate, noise_multiplier), count in steps:
        one = _loss_distribution(sampling_rate, noise_multiplier, count, interval)
        total = one if total is None else total.compose(one)
    return min(renyi, float(total.get_epsilon_for_delta(delta)))


@lru_cache(maxsize=256)
def _loss_distribution(sampling_rate: float, noise_multiplier: float, steps: int, interval: float) -> Any:
    return _one_step(sampling_rate, noise_multiplier, interval).self_compose(steps)


@lru_cache(maxsize=256)
def _one_step(sampling_rate: float, noise_multiplier: float, interval: float) -> Any:
    from dp_accounting.pld import privacy_loss_distribution  # two seconds of imports, not needed to count money

    return privacy_loss_distribution.from_gaussian_mechanism(
        noise_multiplier,
        pessimistic_estimate=True,
        value_discretization_interval=interval,
        sampling_prob=sampling_rate,
        use_connect_dots=True,
    )


def _renyi_epsilon(steps: tuple[tuple[_Key, int], ...], delta: float) -> float:
    import numpy as np
    from dp_accounting.rdp import compute_epsilon

    total = np.zeros(len(_ORDERS))
    for (sampling_rate, noise_multiplier), count in steps:
        total += count * np.asarray(_renyi_of_one_step(sampling_rate, noise_multiplier))
    epsilon = float(compute_epsilon(_ORDERS, total, delta)[0])
    return epsilon if math.isfinite(epsilon) else math.inf


@lru_cache(maxsize=1024)
def _renyi_of_one_step(sampling_rate: float, noise_multiplier: float) -> tuple[float, ...]:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
    from dp_accounting.rdp import RdpAccountant

    accountant = RdpAccountant(_ORDERS)
    accountant.compose(PoissonSampledDpEvent(sampling_rate, GaussianDpEvent(noise_multiplier)))
    return tuple(float(value) for value in accountant.rdp)
