"""A record's loss in parts: what crosses from the training loop to the per-record gradients."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

WeightedLosses = list[tuple[float, Callable[[], Tensor]]]
"""(weight, a function that runs the network and returns the loss of each record [N]); never empty."""
RecordLoss = Callable[[Tensor, Tensor], Tensor]
"""(logits [N, classes], y [N]) -> the loss of each record [N]."""
