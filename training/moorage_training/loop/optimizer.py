"""The optimiser that a job asks for."""

from __future__ import annotations

import torch
from torch import nn

from moorage_api.task import Optimization

MOMENTUM = 0.9


def build_optimizer(network: nn.Module, settings: Optimization) -> torch.optim.Optimizer:
    """Over the trained weights; the rate is set anew at every step."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    if settings.optimizer == "SGD":
        return torch.optim.SGD(parameters, lr=settings.learning_rate, momentum=MOMENTUM, weight_decay=settings.weight_decay)
    return torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate
