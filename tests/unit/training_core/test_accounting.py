"""Epsilon against dp-accounting, and the plan against its target."""

from __future__ import annotations

import dp_accounting
import pytest
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from moorage_api.errors import InvalidInput
from moorage_api.privacy import Privacy, PrivacyMechanism
from moorage_training.plan import plan_run
from moorage_training.privacy.accounting import accountant_of, precision_for, spend_of
from moorage_training.privacy.planning import plan_mechanism

MECHANISMS = [(1.0, 0.05, 100), (3.3, 256 / 1437, 400), (1.5, 64 / 1437, 1000), (20.0, 0.5, 500)]


def by_dp_accounting(accountant, noise, rate, steps, delta):
    accountant.compose(dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise)), steps)
    return accountant.get_epsilon(delta)


@pytest.mark.parametrize(("noise", "rate", "steps"), MECHANISMS)
def test_epsilon_is_dp_accountings_within_one_percent(noise, rate, steps):
    mechanism = PrivacyMechanism(sampling_rate=rate, noise_multiplier=noise, steps=steps)
    rdp = by_dp_accounting(RdpAccountant(), noise, rate, steps, 1e-5)
    pld = by_dp_accounting(PLDAccountant(), noise, rate, steps, 1e-5)
    assert accountant_of(mechanism, 1e-5, "RDP", 0.01).epsilon(steps) == pytest.approx(rdp, rel=0.01)
    assert accountant_of(mechanism, 1e-5, "PRV", precision_for(pld)).epsilon(steps) == pytest.approx(pld, rel=0.01)


def test_epsilon_before_the_last_step_is_also_dp_accountings():
    mechanism = PrivacyMechanism(sampling_rate=0.1, noise_multiplier=2.0, steps=1000)
    for name, oracle in (("RDP", RdpAccountant()), ("PRV", PLDAccountant())):
        spend = spend_of(mechanism, 137, 1e-5, name, 4.0)
        assert spend.epsilon_spent == pytest.approx(by_dp_accounting(oracle, 2.0, 0.1, 137, 1e-5), rel=0.01)
        assert spend.mechanism.steps == 137


def test_nothing_executed_spends_nothing():
    mechanism = PrivacyMechanism(sampling_rate=0.1, noise_multiplier=2.0, steps=10)
    assert spend_of(mechanism, 0, 1e-5, "PRV", 4.0).epsilon_spent == 0
    assert spend_of(mechanism, 0, 1e-5, "RDP", 4.0).epsilon_spent == 0


@pytest.mark.parametrize("accountant", ["PRV", "RDP"])
@pytest.mark.parametrize(("epsilon", "batch", "steps"), [(0.3, 256, 200), (1.0, 1437, 50), (4.0, 256, 300), (8.0, 4, 50), (50.0, 64, 100)])
def test_the_plan_spends_the_target_and_not_more(accountant, epsilon, batch, steps):
    mechanism = plan_mechanism(Privacy(epsilon=epsilon, delta=1e-5, accountant=accountant), 1437, batch, steps)
    spent = spend_of(mechanism, steps, 1e-5, accountant, epsilon).epsilon_spent
    assert 0.99 * epsilon <= spent <= epsilon
    assert mechanism.sampling_rate == batch / 1437


def test_delta_must_be_below_one_over_the_records(make_config):
    with pytest.raises(InvalidInput, match=r"privacy: delta: must be below 1 / 1437"):
        plan_run(make_config(privacy=Privacy(epsilon=1, delta=1 / 1437)), 1437, 360)


def test_an_epsilon_that_no_noise_meets_is_refused():
    with pytest.raises(InvalidInput, match="raise epsilon, or train for fewer steps"):
        plan_mechanism(Privacy(epsilon=1e-9, delta=1e-12), 1000, 1000, 10_000_000)
