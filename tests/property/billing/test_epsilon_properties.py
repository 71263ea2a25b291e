"""Epsilon grows with everything that is run and with every weaker protection."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.privacy import PrivacyMechanism
from moorage_billing.composition import epsilon_of

mechanisms = st.builds(
    lambda rate, noise, steps: PrivacyMechanism(sampling_rate=rate, noise_multiplier=noise, steps=steps),
    st.sampled_from([0.001, 0.01, 0.05, 1.0]),
    st.sampled_from([0.6, 1.1, 4.0]),
    st.integers(0, 400),
)
deltas = st.sampled_from([1e-7, 1e-5])
SLACK = 1 + 2e-3  # two discretisations of one mechanism differ by less


@settings(max_examples=15, deadline=None)
@given(st.lists(mechanisms, min_size=1, max_size=4), mechanisms, deltas)
def test_more_never_spends_less_and_order_is_nothing(some: list[PrivacyMechanism], another: PrivacyMechanism, delta: float) -> None:
    before = epsilon_of(some, delta)
    assert 0 <= before <= epsilon_of([*some, another], delta) * SLACK
    assert epsilon_of(some[::-1], delta) == before


@settings(max_examples=12, deadline=None)
@given(mechanisms, st.integers(1, 100), deltas)
def test_more_steps_less_noise_and_a_smaller_delta_spend_more(one: PrivacyMechanism, steps: int, delta: float) -> None:
    epsilon = epsilon_of([one], delta)
    assert epsilon <= epsilon_of([one.model_copy(update={"steps": one.steps + steps})], delta) * SLACK
    assert epsilon <= epsilon_of([one.model_copy(update={"noise_multiplier": one.noise_multiplier / 2})], delta) * SLACK
    assert epsilon <= epsilon_of([one], delta / 10) * SLACK


@settings(max_examples=12, deadline=None)
@given(mechanisms, st.integers(0, 400), deltas)
def test_one_run_in_two_parts_spends_the_same(one: PrivacyMechanism, first: int, delta: float) -> None:
    parts = [one.model_copy(update={"steps": min(first, one.steps)}), one.model_copy(update={"steps": max(0, one.steps - first)})]
    assert epsilon_of(parts, delta) == epsilon_of([one], delta)
