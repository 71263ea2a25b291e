"""The learning rate of a step."""

from __future__ import annotations

import math

from moorage_api.task import Schedule


def learning_rate(base: float, schedule: Schedule, step: int, total: int) -> float:
    """The rate of step `step` of `total`, counted from 0: warm-up first, then constant, cosine to zero, or stairs."""
    if step < schedule.warmup_steps:
        return base * (step + 1) / schedule.warmup_steps
    if schedule.type == "Cosine":
        after = step - schedule.warmup_steps
        span = max(1, total - schedule.warmup_steps)
        return base * 0.5 * (1 + math.cos(math.pi * after / span))
    if schedule.type == "Step":
        return float(base * schedule.factor ** ((step - schedule.warmup_steps) // (schedule.step_size or total)))
    return base
