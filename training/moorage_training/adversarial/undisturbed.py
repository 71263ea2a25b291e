"""The state in which a network is attacked, and is given back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients of weights, per-record gradient hooks off; modes, flags and gradients are restored.

    An attack's many backward passes would otherwise leave their own per-record gradients behind, to be clipped and
    released as if they were the records'.
    """
    modes = {module: module.training for module in network.modules()}
    flags = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    hooked = bool(getattr(network, "hooks_enabled", False))
    network.eval()
    for parameter, _ in flags:
        parameter.requires_grad_(False)
    if hooked:
        network.disable_hooks()  # type: ignore[operator]
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
        if hooked:
            network.enable_hooks()  # type: ignore[operator]
