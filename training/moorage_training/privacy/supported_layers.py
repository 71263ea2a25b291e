"""Which networks can be trained privately: those whose every trained layer has a gradient for each record."""

from __future__ import annotations

from torch import nn

from moorage_api.errors import InvalidInput, Problem


def require_per_record_gradients(network: nn.Module) -> None:
    """Raises InvalidInput naming each layer that mixes records (batch normalisation) or has no per-record gradients."""
    from opacus.validators import ModuleValidator

    problems = []
    for name, module in network.named_modules():
        if any(module.children()):
            continue
        for error in ModuleValidator.validate(module, strict=False):
            problems.append(
                Problem(
                    f"layer {name!r} ({type(module).__name__}) cannot be trained with privacy: {error}",
                    "task",
                    "model",
                    None,
                    "use a model without it, for example one with group normalisation",
                )
            )
    if problems:
        raise InvalidInput(*problems)
