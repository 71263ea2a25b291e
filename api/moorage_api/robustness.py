"""Adversarial training, and the evaluation of a finished model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import AnyMapping, ApiModel, Rule
from moorage_api.data_source import ColumnName
from moorage_api.gates import MetricName
from moorage_api.unique import UniqueItems

Norm = Literal["Linf", "L2"]
Radius = Annotated[float, Field(gt=0, le=1000)]


class Adversarial(ApiModel):
    """Train on each record's own adversarial version, in the model's scaled input space (pixels in [0, 1])."""

    rules = (
        Rule.only("method", "FGSM", "PGD"),
        Rule(
            ".steps",
            "self.method != 'FGSM' || !has(self.steps) || self.steps == 1",
            lambda a: a.method != "FGSM" or a.steps in (None, 1),
            "FGSM takes one step",
        ),
    )

    method: Literal["FGSM", "PGD", "TRADES", "FreeLB"] = "PGD"
    """FGSM: Goodfellow et al. 2015. PGD: Madry et al. 2018."""
    norm: Norm = "Linf"
    """The norm of the perturbation."""
    radius: Radius
    """The largest perturbation."""
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Steps of PGD; default 7."""
    step_size: Radius | None = None
    """The length of a step; default 2.5 x radius / steps."""
    weight: Annotated[float, Field(gt=0, le=1)] = 1.0
    """A record's loss is weight x adversarial + (1 - weight) x clean."""


class RobustnessEvaluation(ApiModel):
    """Attacks on the exported model; the reported figure is the worst over them, record by record."""

    attacks: Annotated[list[Literal["PGD", "Margin", "Square"]], Field(min_length=1, max_length=3), UniqueItems()] = [
        "PGD",
        "Margin",
        "Square",
    ]
    """PGD on cross-entropy; PGD on the margin loss (Carlini and Wagner 2017); Square (Andriushchenko et al. 2020), black-box."""
    norm: Norm = "Linf"
    """The norm of the perturbation."""
    radius: Radius
    """The radius of the reported `robustAccuracy`."""
    radii: Annotated[list[Radius], Field(max_length=16), UniqueItems()] = []
    """More radii to sweep for the report."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 40
    """Steps of each PGD attack."""
    restarts: Annotated[int, Field(ge=1, le=20)] = 2
    """Random starts of each PGD attack."""
    max_records: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """The most evaluation records that are attacked."""


class Fairness(ApiModel):
    """Metrics by group."""

    sensitive_column: ColumnName
    """The column that names the group."""


class Evaluation(ApiModel):
    """What is measured on the held-out records after training."""

    rules = (Rule.not_yet("metrics"), Rule.not_yet("fairness"), Rule.not_yet("privacyAudit"), Rule.not_yet("explanation"))

    metrics: Annotated[list[MetricName], Field(min_length=1, max_length=16), UniqueItems()] | None = None
    """The metrics to compute. Default: every one that applies."""

    robustness: RobustnessEvaluation | None = None
    """Attack the model. Default: at `adversarial`'s norm and radius if that is set, else no attack."""
    fairness: Fairness | None = None
    """Metrics by group."""
    privacy_audit: AnyMapping | None = None
    """An empirical lower bound of epsilon by canaries."""
    explanation: AnyMapping | None = None
    """Attributions."""
