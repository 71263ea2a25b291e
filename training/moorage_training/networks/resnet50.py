"""ResNet-50 (He et al. 2016), from torchvision, untrained."""

from __future__ import annotations

from torch import nn

GROUPS = 32


def resnet50(shape: tuple[int, ...], classes: int, private: bool) -> nn.Module:
    """[N, C, H, W] -> [N, classes]; group normalisation in place of batch normalisation if `private`."""
    from torchvision.models import resnet50 as torchvision_resnet50

    network: nn.Module = torchvision_resnet50(weights=None, num_classes=classes, norm_layer=_group_norm if private else None)
    if shape[0] != 3:
        network.conv1 = nn.Conv2d(shape[0], 64, kernel_size=7, stride=2, padding=3, bias=False)
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # hooks that take per-record gradients keep views of these tensors
    return network


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(GROUPS, channels)
