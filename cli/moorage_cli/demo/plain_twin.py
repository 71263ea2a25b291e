"""The same job without adversarial training: what the attack does to a model that never met it."""

from __future__ import annotations

from moorage_api.robustness import RobustnessEvaluation
from moorage_api.training_job import TrainingJob


def plain_twin(job: TrainingJob) -> TrainingJob:
    """`job` without `adversarial` and gates, evaluated at the same norm and radius."""
    spec = job.spec
    robustness = spec.evaluation.robustness
    if robustness is None and spec.adversarial is not None:
        robustness = RobustnessEvaluation(norm=spec.adversarial.norm, radius=spec.adversarial.radius)
    evaluation = spec.evaluation.model_copy(update={"robustness": robustness})
    plain = spec.model_copy(update={"adversarial": None, "gates": [], "evaluation": evaluation})
    metadata = job.metadata.model_copy(update={"name": f"{job.metadata.name}-plain"})
    return job.model_copy(update={"metadata": metadata, "spec": plain})
