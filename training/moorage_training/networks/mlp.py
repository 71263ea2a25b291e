"""A multilayer perceptron."""

from __future__ import annotations

import math

from torch import nn

DEFAULT_HIDDEN_SIZES = (64,)


def mlp(shape: tuple[int, ...], classes: int, hidden_sizes: list[int] | None) -> nn.Module:
    """[N, *shape] -> [N, classes] through ReLU layers of `hidden_sizes`."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    for size in hidden_sizes or DEFAULT_HIDDEN_SIZES:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, classes))
