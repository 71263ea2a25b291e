"""Each record's own gradient, clipped and summed: what a private step knows of the records before noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from opacus import GradSampleModule
from torch import Tensor, nn

from moorage_training.loss_parts import WeightedLosses


class RecordGradients:
    """Per-record gradients of a network by Opacus' hooks.

    A record's loss may have parts (adversarial and clean); the gradient of their weighted sum is clipped as a whole, so
    one record moves the sum by at most `max_norm` (L2) whatever the attack did.
    """

    def __init__(self, network: nn.Module, max_norm: float) -> None:
        self.module = GradSampleModule(network, loss_reduction="sum")
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._max_norm = max_norm

    @property
    def size(self) -> int:
        """How many numbers a gradient has."""
        return sum(p.numel() for p in self._parameters)

    def per_record(self, losses: WeightedLosses) -> tuple[Tensor, Tensor]:
        """(gradients [N, size], losses [N]) of the weighted sum, unclipped."""
        self.module.train()
        parts = [self._part(weight, run) for weight, run in losses]
        gradients, values = zip(*parts, strict=True)
        return torch.stack(gradients).sum(0) if len(parts) > 1 else gradients[0], torch.stack(values).sum(0)

    def clipped_sum(self, losses: WeightedLosses) -> tuple[Tensor, Tensor]:
        """(sum of the clipped gradients [size], sum of the losses); a record without a finite gradient adds nothing."""
        gradients, loss = self.per_record(losses)
        norms = gradients.norm(dim=1)
        # One infinite or undefined gradient would pass through the clipping and end, or betray, the whole sum.
        sound = norms.isfinite()
        factors = (self._max_norm / norms.clamp_min(1e-12)).clamp(max=1.0)
        return factors[sound] @ gradients[sound], loss[sound].sum()

    def _part(self, weight: float, run: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        self._clear()
        loss = run()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        samples: list[Tensor] = [p.grad_sample for p in self._parameters]  # type: ignore[attr-defined]
        self._clear()
        return torch.cat([sample.flatten(1).float() for sample in samples], dim=1) * weight, loss.detach().float() * weight

    def _clear(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None
            parameter.grad_sample = None  # type: ignore[attr-defined]
