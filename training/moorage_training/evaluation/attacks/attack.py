"""What every attack has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Perturb = Callable[[FloatArray, IntArray, float], FloatArray]


@dataclass(frozen=True)
class ScaledSpace:
    """Where adversarial examples may lie, in the model's scaled input space.

    lower, upper: bounds that broadcast against a record, infinite where there are none.
    attackable: which coordinates may be perturbed, in the shape of one record; encoded categories may not.
    """

    lower: FloatArray
    upper: FloatArray
    attackable: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, shape: tuple[int, ...], lower: torch.Tensor | None, upper: torch.Tensor | None, attackable: torch.Tensor) -> ScaledSpace:
        """The space of records of `shape`, from what Preprocessing says of it."""
        least = np.float32(-np.inf) if lower is None else lower.cpu().numpy()
        greatest = np.float32(np.inf) if upper is None else upper.cpu().numpy()
        return cls(
            lower=np.broadcast_to(least, shape).astype(np.float32),
            upper=np.broadcast_to(greatest, shape).astype(np.float32),
            attackable=np.broadcast_to(attackable.cpu().numpy(), shape).astype(np.bool_),
        )

    def covering_radius(self, norm: str, unbounded_width: float = 100.0) -> float:
        """A radius whose ball around any record holds the whole space; `unbounded_width` stands for a coordinate without bounds."""
        widths = (self.upper.astype(np.float64) - self.lower)[self.attackable]
        widths = np.where(np.isfinite(widths), widths, unbounded_width)
        if widths.size == 0:
            return 0.0
        return float(widths.max() if norm == "Linf" else np.linalg.norm(widths))


@dataclass(frozen=True)
class Attack:
    """A way to look for adversarial versions.

    perturb: maps scaled records `[N, ...]`, their labels `[N]` and a radius to proposals `[N, ...]` inside the ball and the bounds.
    tries: how often it is worth calling `perturb` on a record that still stands.
    """

    name: str
    perturb: Perturb
    tries: int
