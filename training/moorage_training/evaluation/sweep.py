"""What to attack with, and at which radii, as the run's configuration asks."""

from __future__ import annotations

from moorage_api.robustness import RobustnessEvaluation
from moorage_api.run_config import RunConfig

DEFAULT_MULTIPLES = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Of the reference radius, swept where the configuration lists no radii, so that the card has a curve."""


def robustness_settings(config: RunConfig) -> RobustnessEvaluation | None:
    """What `evaluation.robustness` says; without it the norm and radius of `adversarial`; without both, no attack."""
    if config.evaluation.robustness is not None:
        return config.evaluation.robustness
    if config.adversarial is not None:
        return RobustnessEvaluation(norm=config.adversarial.norm, radius=config.adversarial.radius)
    return None


def sweep_radii(settings: RobustnessEvaluation) -> list[float]:
    """The radii to measure, ascending and distinct as printed, the reference radius among them."""
    wanted = settings.radii or [settings.radius * multiple for multiple in DEFAULT_MULTIPLES]
    by_label = {radius_label(radius): radius for radius in [*wanted, settings.radius]}
    return sorted(by_label.values())


def radius_label(radius: float) -> str:
    """How a radius is written in reports: `0.1`."""
    return f"{radius:g}"
