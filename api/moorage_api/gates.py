"""Gates: the conditions that a model meets before a ModelService takes it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Rule

MetricName = Literal[
    "accuracy",
    "precision",
    "recall",
    "f1",
    "rocAuc",
    "expectedCalibrationError",
    "robustAccuracy",
    "epsilonSpent",
]
"""precision, recall and f1 are macro averages; rocAuc is one-vs-rest, macro. robustAccuracy and epsilonSpent exist where measured."""


class Gate(ApiModel):
    """A bound on one metric."""

    rules = (
        Rule(
            ".minimum",
            "has(self.minimum) || has(self.maximum)",
            lambda g: g.minimum is not None or g.maximum is not None,
            "a gate has a minimum, a maximum or both",
        ),
        Rule(
            ".maximum",
            "!has(self.minimum) || !has(self.maximum) || self.minimum <= self.maximum",
            lambda g: g.minimum is None or g.maximum is None or g.minimum <= g.maximum,
            "maximum must not be below minimum",
        ),
    )

    metric: MetricName
    """What is bounded."""
    minimum: Annotated[float, Field(ge=0)] | None = None
    """The least value that passes."""
    maximum: Annotated[float, Field(ge=0)] | None = None
    """The greatest value that passes."""


class GateResult(ApiModel):
    """How a model stood at one gate."""

    gate: Gate
    """The gate."""
    value: float | None = None
    """The metric, or nothing where it was not measured."""
    passed: bool
    """Whether the gate lets the model through; an unmeasured metric does not."""

    @property
    def sentence(self) -> str:
        """Why the gate passed or not, and by how much: `accuracy 0.88 is below minimum 0.90 by 0.02`."""
        g, v = self.gate, self.value
        if v is None:
            return f"{g.metric} was not measured"
        if g.minimum is not None and v < g.minimum:
            return f"{g.metric} {v:.4g} is below minimum {g.minimum:g} by {g.minimum - v:.2g}"
        if g.maximum is not None and v > g.maximum:
            return f"{g.metric} {v:.4g} is above maximum {g.maximum:g} by {v - g.maximum:.2g}"
        return f"{g.metric} {v:.4g} passes"


def judge(gates: list[Gate], metrics: dict[str, float]) -> list[GateResult]:
    """Hold `metrics` (by MetricName) against `gates`; a metric that is missing, NaN or infinite fails its gate."""
    results = []
    for gate in gates:
        value = metrics.get(gate.metric)
        if value is not None and not math.isfinite(value):
            value = None
        passed = value is not None and (gate.minimum is None or value >= gate.minimum) and (gate.maximum is None or value <= gate.maximum)
        results.append(GateResult(gate=gate, value=value, passed=passed))
    return results
