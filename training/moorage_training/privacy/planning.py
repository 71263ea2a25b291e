"""Where epsilon is decided: the noise multiplier that the target asks for over the planned steps."""

from __future__ import annotations

import math
from collections.abc import Callable

from moorage_api.errors import InvalidInput, Problem
from moorage_api.privacy import Privacy, PrivacyMechanism
from moorage_training.privacy.accounting import accountant_of, precision_for

TIGHTNESS = 0.005
"""The plan spends between (1 - TIGHTNESS) x target and the target."""
LARGEST_NOISE = 1e5


def plan_mechanism(privacy: Privacy, records: int, batch_size: int, steps: int) -> PrivacyMechanism:
    """The mechanism whose `steps` steps spend at most `privacy.epsilon`, and hardly less.

    Raises InvalidInput if delta is not below 1 / records, the batch is larger than the data, or no noise is enough.
    """
    if privacy.delta >= 1 / records:
        raise InvalidInput(
            Problem(
                f"must be below 1 / {records} training records = {1 / records:.3g}; at that delta a mechanism may publish whole records",
                "privacy",
                "delta",
                f"{privacy.delta:g}",
                f"use {0.1 / records:.0e} or less",
            )
        )
    rate = batch_size / records

    def spent(noise: float, name: str) -> float:
        mechanism = PrivacyMechanism(sampling_rate=rate, noise_multiplier=noise, steps=steps)
        accountant = accountant_of(mechanism, privacy.delta, "RDP" if name == "RDP" else "PRV", precision_for(privacy.epsilon))
        return accountant.epsilon(steps)

    rough = _smallest_noise(lambda noise: spent(noise, "RDP"), privacy.epsilon, 0.01, LARGEST_NOISE)
    if rough is None:
        raise InvalidInput(
            Problem(
                f"cannot be met in {steps} steps with batches of {batch_size} of {records} records",
                "privacy",
                "epsilon",
                f"{privacy.epsilon:g}",
                "raise epsilon, or train for fewer steps",
            )
        )
    noise = rough
    if privacy.accountant == "PRV":
        # RDP overstates epsilon, so its noise is an upper bound, and a near one: PRV, the dearer, searches close below.
        low, high = rough * 0.8, rough
        while spent(high, "PRV") > privacy.epsilon:
            low, high = high, high * 1.1
        while spent(low, "PRV") <= privacy.epsilon:
            low, high = low * 0.8, low
        noise = _smallest_noise(lambda n: spent(n, "PRV"), privacy.epsilon, low, high) or high
    return PrivacyMechanism(sampling_rate=rate, noise_multiplier=noise, steps=steps)


def _smallest_noise(spent: Callable[[float], float], target: float, low: float, high: float) -> float | None:
    """A noise in [low, high] with (1 - TIGHTNESS) x target <= spent <= target, by interpolation in logarithms.

    `spent` falls as noise grows. None if even `high` spends more than `target`; `low` if that spends less already.
    """
    at_high = spent(high)
    if at_high > target:
        return None
    at_low = spent(low)
    if at_low <= target:
        return low
    best = high
    for attempt in range(60):
        # Regula falsi leans to one side; every third point halves the bracket.
        share = 0.5 if attempt % 3 == 2 or not math.isfinite(at_low) or at_high <= 0 else _interpolate(at_low, at_high, target)
        middle = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        at_middle = spent(middle)
        if at_middle <= target:
            best, high, at_high = middle, middle, at_middle
            if at_middle >= (1 - TIGHTNESS) * target:
                break
        else:
            low, at_low = middle, at_middle
        if high / low < 1 + 1e-6:
            break
    return best


def _interpolate(at_low: float, at_high: float, target: float) -> float:
    aim = target * (1 - TIGHTNESS / 2)
    share = (math.log(at_low) - math.log(aim)) / (math.log(at_low) - math.log(at_high)) if at_low > at_high else 0.5
    return min(0.98, max(0.02, share))
