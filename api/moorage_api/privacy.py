"""Differential privacy as users ask for it, and the mechanism that the parts reserve, run and charge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Count, Rule

AccountantName = Literal["PRV", "RDP"]


class Privacy(ApiModel):
    """Train with differential privacy (DP-SGD with Poisson sampling, Abadi et al. 2016)."""

    rules = (Rule.only("clipping", "Flat"), Rule.only("unit", "Record"))

    epsilon: Annotated[float, Field(gt=0, le=1000)]
    """The target; the noise is chosen so that the planned steps spend at most this."""
    delta: Annotated[float, Field(gt=0, lt=1)]
    """The delta at which epsilon is computed; below 1 / records."""
    max_grad_norm: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    """The L2 norm to which each record's gradient is clipped."""
    accountant: AccountantName = "PRV"
    """PRV: tight (Gopi et al. 2021). RDP: Mironov 2017."""
    clipping: Literal["Flat", "Ghost", "Adaptive"] = "Flat"
    """How the clipping norm is applied."""
    unit: Literal["Record", "User"] = "Record"
    """Whose presence is protected."""


class PrivacyMechanism(ApiModel):
    """`steps` compositions of the Poisson-subsampled Gaussian mechanism (add/remove adjacency)."""

    sampling_rate: Annotated[float, Field(gt=0, le=1)]
    """The probability with which each record is in a step."""
    noise_multiplier: Annotated[float, Field(gt=0)]
    """The noise's standard deviation over the clipping norm."""
    steps: Count
    """How many steps."""


class PrivacySpend(ApiModel):
    """What a job spent."""

    epsilon_spent: Annotated[float, Field(ge=0)]
    """Epsilon of every step that was executed, those lost to a crash included."""
    delta: Annotated[float, Field(gt=0, lt=1)]
    """The delta of that epsilon."""
    accountant: AccountantName
    """Who computed it."""
    mechanism: PrivacyMechanism | None = None
    """What was run."""
