"""ResNet-50 (He et al. 2016), from torchvision, untrained."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

GROUPS = 32
LAYERS = [3, 4, 6, 3]


def resnet50(shape: tuple[int, ...], classes: int, private: bool) -> nn.Module:
    """[N, C, H, W] -> [N, classes]; group normalisation in place of batch normalisation if `private`."""
    from torchvision.models.resnet import Bottleneck, ResNet

    class OutOfPlaceBottleneck(Bottleneck):  # type: ignore[misc]
        """torchvision's adds in place, into a tensor that the hooks of per-record gradients keep a view of."""

        def forward(self, x: Tensor) -> Tensor:
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out))
            identity = x if self.downsample is None else self.downsample(x)
            return self.relu(out + identity)  # type: ignore[no-any-return]

    norm = partial(nn.GroupNorm, GROUPS) if private else None
    network: nn.Module = ResNet(OutOfPlaceBottleneck, LAYERS, num_classes=classes, norm_layer=norm)
    if shape[0] != 3:
        network.conv1 = nn.Conv2d(shape[0], 64, kernel_size=7, stride=2, padding=3, bias=False)
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return network
