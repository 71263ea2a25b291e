"""The loss of each record by itself."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from moorage_training.loss_parts import RecordLoss


def record_loss(class_weights: Tensor | None = None) -> RecordLoss:
    """(logits [N, classes], y [N]) -> cross-entropy [N], weighted by class where weights are given."""
    return lambda logits, y: cross_entropy(logits.float(), y, weight=class_weights, reduction="none")


def balanced_class_weights(y: NDArray[np.int64], classes: int) -> Tensor:
    """[classes], inverse to each class's frequency in `y`, with mean 1 over the records; 0 for a class without records."""
    counts = np.bincount(y, minlength=classes).astype(np.float64)
    present = counts > 0
    weights = np.zeros(classes)
    weights[present] = len(y) / (present.sum() * counts[present])
    return torch.tensor(weights, dtype=torch.float32)
