"""Epsilon of the steps that were executed: the one place where it is computed, for the plan, the progress and the report."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Protocol

import numpy as np

from moorage_api.privacy import AccountantName, PrivacyMechanism, PrivacySpend

RDP_ORDERS = [1 + x / 10 for x in range(1, 100)] + list(range(11, 64)) + [128, 256, 512, 1024]


class Accountant(Protocol):
    """Composition of one mechanism with itself."""

    def epsilon(self, steps: int) -> float:
        """Epsilon of `steps` steps, at most the planned ones; cheap once the first was asked for."""


class RdpAccountant:
    """Rényi differential privacy (Mironov 2017), by Opacus: additive in the steps."""

    def __init__(self, mechanism: PrivacyMechanism, delta: float) -> None:
        from opacus.accountants.analysis.rdp import compute_rdp

        self._delta = delta
        self._one_step = compute_rdp(q=mechanism.sampling_rate, noise_multiplier=mechanism.noise_multiplier, steps=1, orders=RDP_ORDERS)

    def epsilon(self, steps: int) -> float:
        from opacus.accountants.analysis.rdp import get_privacy_spent

        if steps == 0:
            return 0.0
        epsilon, _ = get_privacy_spent(orders=RDP_ORDERS, rdp=self._one_step * steps, delta=self._delta)
        return max(0.0, float(epsilon))


class PrvAccountant:
    """Numerical composition of privacy loss random variables (Gopi et al. 2021), by Opacus; the upper bound.

    The loss of one step is discretised once, on the domain that the planned steps need, which is safe for fewer.
    `precision` is the bound's distance from the truth, in epsilon.
    """

    def __init__(self, mechanism: PrivacyMechanism, delta: float, precision: float) -> None:
        self._mechanism, self._delta, self._precision = mechanism, delta, precision
        self._delta_error = delta / 1000
        self._one_step = self._discretise()

    def _discretise(self) -> object:
        from opacus.accountants.analysis import prv

        m = self._mechanism
        one = prv.PoissonSubsampledGaussianPRV(m.sampling_rate, m.noise_multiplier)
        reach = prv.compute_safe_domain_size([one], [m.steps], self._precision, self._delta_error)
        mesh = self._precision / np.sqrt(m.steps * math.log(12 / self._delta_error) / 2)
        domain = prv.Domain.create_aligned(-reach, reach, mesh)
        return prv.discretize(prv.TruncatedPrivacyRandomVariable(one, domain.t_min, domain.t_max), domain)

    def epsilon(self, steps: int) -> float:
        from opacus.accountants.analysis import prv

        if steps == 0:
            return 0.0
        composed = prv.compose_heterogeneous([self._one_step], [steps])
        _, _, upper = composed.compute_epsilon(self._delta, self._delta_error, self._precision)
        return float(upper)


def precision_for(target_epsilon: float) -> float:
    """How exactly PRV computes for a target: 0.3% of it, within what its mesh can do in a second."""
    return min(0.5, max(0.001, 0.003 * target_epsilon))


@lru_cache(maxsize=16)
def accountant_of(mechanism: PrivacyMechanism, delta: float, name: AccountantName, precision: float) -> Accountant:
    """The accountant `name` for up to `mechanism.steps` steps."""
    if name == "RDP":
        return RdpAccountant(mechanism, delta)
    return PrvAccountant(mechanism, delta, precision)


def spend_of(planned: PrivacyMechanism, executed: int, delta: float, name: AccountantName, target_epsilon: float) -> PrivacySpend:
    """What `executed` steps of `planned` spent."""
    epsilon = accountant_of(planned, delta, name, precision_for(target_epsilon)).epsilon(executed)
    return PrivacySpend(epsilon_spent=epsilon, delta=delta, accountant=name, mechanism=planned.model_copy(update={"steps": executed}))
