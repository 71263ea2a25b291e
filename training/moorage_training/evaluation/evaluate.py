"""Everything that is measured on held-out records, in one call."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from moorage_api.artifact import Robustness
from moorage_api.errors import InvalidInput, Problem
from moorage_api.robustness import RobustnessEvaluation
from moorage_api.run_config import RunConfig
from moorage_training.evaluation.attacks.attack import FloatArray, IntArray, ScaledSpace
from moorage_training.evaluation.attacks.select import attacks_for, sanity_attacks_for
from moorage_training.evaluation.metrics import ClassifierMetrics, classifier_metrics
from moorage_training.evaluation.robustness import RobustAccuracy, SanityCheck, robust_accuracy, sanity_check
from moorage_training.evaluation.served import ServedModel
from moorage_training.evaluation.sweep import radius_label, robustness_settings, sweep_radii
from moorage_training.export.onnx import load_weights, network_half, read_weights

if TYPE_CHECKING:
    from moorage_training.records import Records
    from moorage_training.trained import TrainedModel


@dataclass(frozen=True)
class RobustnessFindings:
    """Accuracy under attack, as `settings` asked.

    fully_attackable: whether every coordinate may be perturbed; encoded categories may not.
    """

    settings: RobustnessEvaluation
    accuracy: RobustAccuracy
    sanity: SanityCheck
    fully_attackable: bool

    @property
    def values(self) -> dict[str, float]:
        """`robustAccuracy` at the reference radius, and `robustAccuracy@RADIUS` at every radius of the sweep."""
        worst = self.accuracy.worst
        return {"robustAccuracy": worst[self.settings.radius]} | {f"robustAccuracy@{radius_label(r)}": worst[r] for r in worst}

    @property
    def summary(self) -> Robustness:
        """For the artifact's manifest."""
        at = self.settings.radius
        return Robustness(
            norm=self.settings.norm,
            radius=at,
            robust_accuracy=self.accuracy.worst[at],
            attacks={name: by_radius[at] for name, by_radius in self.accuracy.by_attack.items()},
            sweep={radius_label(radius): accuracy for radius, accuracy in self.accuracy.worst.items()},
            records=self.accuracy.records,
            sanity_passed=self.sanity.passed,
        )


@dataclass(frozen=True)
class ModelEvaluation:
    """What the `records` held-out records say of the exported model."""

    records: int
    classifier: ClassifierMetrics
    robustness: RobustnessFindings | None

    @property
    def values(self) -> dict[str, float]:
        """All figures by metric name."""
        return self.classifier.values | (self.robustness.values if self.robustness else {})


def evaluate_model(model: Path, trained: TrainedModel, config: RunConfig, evaluation: Records) -> ModelEvaluation:
    """Measure the exported graph `model` on `evaluation`, one record or more, and attack it if `config` asks.

    `trained` gives the network's shape and the preprocessing; the weights are read from the graph. Raises InvalidInput where
    the model's scores are not finite.
    """
    logits = ServedModel(model).logits(evaluation.x)
    if not np.isfinite(logits).all():
        raise InvalidInput(
            Problem(
                "training diverged: the model's scores are not finite",
                f"TrainingJob {config.job.namespace}/{config.job.name}",
                "spec.optimization.learningRate",
                f"{config.optimization.learning_rate:g}",
                "lower it",
            )
        )
    settings = robustness_settings(config)
    findings = None if settings is None else _attack(model, trained, settings, evaluation, config.optimization.seed)
    return ModelEvaluation(len(evaluation.y), classifier_metrics(logits, evaluation.y), findings)


def _attack(model: Path, trained: TrainedModel, settings: RobustnessEvaluation, evaluation: Records, seed: int) -> RobustnessFindings:
    x, y = _sample(evaluation, settings.max_records, seed)
    scaled = _scaled(trained.preprocessing, x)
    preprocessing = trained.preprocessing
    space = ScaledSpace.of(scaled.shape[1:], preprocessing.lower, preprocessing.upper, preprocessing.attackable)
    network = copy.deepcopy(trained.network).eval()
    load_weights(network, read_weights(model))
    served = ServedModel(network_half(model))
    accuracy = robust_accuracy(served, attacks_for(settings, network, served, space, seed), scaled, y, sweep_radii(settings))
    everywhere = max(space.covering_radius(settings.norm), *accuracy.worst)
    sanity = sanity_check(served, sanity_attacks_for(settings, network, served, space, seed), scaled, y, space, everywhere, seed)
    return RobustnessFindings(settings, accuracy, sanity, bool(space.attackable.all()))


def _sample(evaluation: Records, most: int, seed: int) -> tuple[FloatArray, IntArray]:
    """At most `most` records, drawn at random, in their order."""
    if len(evaluation.y) <= most:
        return evaluation.x, evaluation.y
    chosen = np.sort(np.random.default_rng(seed).choice(len(evaluation.y), most, replace=False))
    return evaluation.x[chosen], evaluation.y[chosen]


def _scaled(preprocessing: torch.nn.Module, x: FloatArray, batch: int = 1024) -> FloatArray:
    with torch.no_grad():
        parts = [preprocessing(torch.from_numpy(x[start : start + batch])).numpy() for start in range(0, len(x), batch)]
    return np.concatenate(parts)
