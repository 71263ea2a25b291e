"""What several mechanisms spend together: an upper bound of epsilon at a delta, by dp-accounting.

Privacy loss distributions (PLD; pessimistic, connect-the-dots discretisation, add/remove adjacency) are tight. Their cost
grows with the number of different mechanisms over the width of a bucket of loss, their error with steps times the width
squared, so the width follows both. Rényi accounting (RDP, integer orders) bounds the result as well, and stands alone
where distributions would be too many or too large. Both are upper bounds, so the smaller is one too. Mechanisms that
differ in steps only are one mechanism with the sum of the steps.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from moorage_api.privacy import PrivacyMechanism

_Key = tuple[float, float]

_WIDTHS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3)  # few, so that another job seldom changes the width and cached parts are of use
_WIDTH_PER_MECHANISM = 5e-5  # measured: about a second, cold, for any number up to the most
_ERROR = 0.001  # of steps times width squared
_MAX_MECHANISMS = 60
_MAX_STEPS = 1_000_000
_MAX_BUCKETS = 3_000_000
_ORDERS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)


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
    all_steps = sum(count for _, count in steps)
    if len(steps) > _MAX_MECHANISMS or all_steps > _MAX_STEPS:
        return renyi
    width = _width(len(steps), all_steps)
    if 2 * renyi / width > _MAX_BUCKETS:
        return renyi
    total: Any = None
    for (sampling_rate, noise_multiplier), count in steps:
        one = _loss_distribution(sampling_rate, noise_multiplier, count, width)
        total = one if total is None else total.compose(one)
    return min(renyi, float(total.get_epsilon_for_delta(delta)))


def _width(mechanisms: int, steps: int) -> float:
    """The width of a bucket: as accurate as is asked, unless that is too slow."""
    quick = next(width for width in _WIDTHS if width >= mechanisms * _WIDTH_PER_MECHANISM)
    accurate = next((width for width in reversed(_WIDTHS) if width <= min(1e-3, math.sqrt(_ERROR / steps))), _WIDTHS[0])
    return max(quick, accurate)


@lru_cache(maxsize=256)
def _loss_distribution(sampling_rate: float, noise_multiplier: float, steps: int, width: float) -> Any:
    return _one_step(sampling_rate, noise_multiplier, width).self_compose(steps)


@lru_cache(maxsize=256)
def _one_step(sampling_rate: float, noise_multiplier: float, width: float) -> Any:
    from dp_accounting.pld import privacy_loss_distribution  # two seconds of imports, not needed to count money

    return privacy_loss_distribution.from_gaussian_mechanism(
        noise_multiplier,
        pessimistic_estimate=True,
        value_discretization_interval=width,
        sampling_prob=sampling_rate,
        use_connect_dots=True,
    )


def _renyi_epsilon(steps: tuple[tuple[_Key, int], ...], delta: float) -> float:
    from dp_accounting.rdp import compute_epsilon

    parts = [[count * value for value in _renyi_of_one_step(*kind)] for kind, count in steps]
    epsilon = float(compute_epsilon(_ORDERS, [sum(values) for values in zip(*parts, strict=True)], delta)[0])
    return epsilon if math.isfinite(epsilon) else math.inf


@lru_cache(maxsize=1024)
def _renyi_of_one_step(sampling_rate: float, noise_multiplier: float) -> tuple[float, ...]:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
    from dp_accounting.rdp import RdpAccountant

    accountant = RdpAccountant(_ORDERS)
    accountant.compose(PoissonSampledDpEvent(sampling_rate, GaussianDpEvent(noise_multiplier)))
    return tuple(float(value) for value in accountant.rdp)
