"""One linear layer: multinomial logistic regression."""

from __future__ import annotations

import math

from torch import nn


def linear(shape: tuple[int, ...], classes: int) -> nn.Module:
    """[N, *shape] -> [N, classes]; starts at zero, for the loss is convex and a random start is only noise to unlearn."""
    layer = nn.Linear(math.prod(shape), classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(nn.Flatten(), layer)
