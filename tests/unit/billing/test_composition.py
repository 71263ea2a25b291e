"""Epsilon of compositions, against dp-accounting's own accountants."""

from __future__ import annotations

import time

import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from moorage_api.privacy import PrivacyMechanism
from moorage_billing import composition
from moorage_billing.composition import epsilon_of, steps_that_fit


def mechanism(rate: float, noise: float, steps: int) -> PrivacyMechanism:
    return PrivacyMechanism(sampling_rate=rate, noise_multiplier=noise, steps=steps)


CASES = [
    ([(0.02, 1.1, 500)], 1e-5),
    ([(0.01, 0.8, 2000)], 1e-6),
    ([(1.0, 5.0, 10)], 1e-5),
    ([(0.02, 1.1, 300), (0.05, 1.5, 200), (0.004, 0.7, 1000)], 1e-5),
    ([(0.0001, 0.9, 100_000)], 1e-7),
]


@pytest.mark.parametrize(("parts", "delta"), CASES)
def test_it_agrees_with_dp_accounting_and_is_never_below(parts: list[tuple[float, float, int]], delta: float) -> None:
    oracle = PLDAccountant()
    for rate, noise, steps in parts:
        oracle.compose(SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), steps))
    expected = oracle.get_epsilon(delta)
    assert epsilon_of([mechanism(*part) for part in parts], delta) == pytest.approx(expected, rel=0.005, abs=1e-4)
    assert epsilon_of([mechanism(*part) for part in parts], delta) >= expected * (1 - 1e-4)


def test_where_distributions_would_be_too_large_it_is_renyis_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "_MAX_BUCKETS", 0)
    composition._epsilon.cache_clear()
    found = epsilon_of([mechanism(0.02, 1.1, 500)], 1e-5)
    composition._epsilon.cache_clear()
    oracle = RdpAccountant(composition._ORDERS)
    oracle.compose(SelfComposedDpEvent(PoissonSampledDpEvent(0.02, GaussianDpEvent(1.1)), 500))
    assert found == pytest.approx(oracle.get_epsilon(1e-5), rel=1e-9)


def test_extremes_are_bounded_and_quick() -> None:
    began = time.perf_counter()
    assert epsilon_of([], 1e-5) == 0
    assert epsilon_of([mechanism(0.5, 1.0, 0)], 1e-5) == 0
    assert epsilon_of([mechanism(1.0, 0.01, 1000)], 1e-5) > 1000
    assert 0 < epsilon_of([mechanism(1e-6, 1.0, 10_000_000)], 1e-5) < 1
    assert epsilon_of([mechanism(0.001 + n / 10_000, 1.0, 10) for n in range(150)], 1e-5) > 0
    assert time.perf_counter() - began < 15


def test_the_steps_that_fit_are_the_most() -> None:
    spent, asked = [mechanism(0.02, 1.1, 300)], mechanism(0.05, 1.5, 5000)
    fitting = steps_that_fit(spent, asked, 3.0, 1e-5)
    assert epsilon_of([*spent, mechanism(0.05, 1.5, fitting)], 1e-5) <= 3.0 < epsilon_of([*spent, mechanism(0.05, 1.5, fitting + 1)], 1e-5)
    assert steps_that_fit(spent, asked, 1000.0, 1e-5) == 5000
    assert steps_that_fit(spent, asked, 0.01, 1e-5) == 0
