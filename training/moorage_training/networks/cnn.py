"""A small convolutional network without normalisation, so that every record's gradient is its own."""

from __future__ import annotations

from torch import nn

CHANNELS = (16, 32)
FINAL_SIDE = 4


def cnn(shape: tuple[int, ...], classes: int) -> nn.Module:
    """[N, C, H, W] -> [N, classes], H and W at least 8; large images are averaged down to about 4 x 4 before the last layer."""
    channels, height, width = shape
    height, width = height // 4, width // 4
    shrink = (max(1, height // FINAL_SIDE), max(1, width // FINAL_SIDE))
    features = CHANNELS[1] * (height // shrink[0]) * (width // shrink[1])
    return nn.Sequential(
        nn.Conv2d(channels, CHANNELS[0], 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(CHANNELS[0], CHANNELS[1], 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AvgPool2d(shrink),
        nn.Flatten(),
        nn.Linear(features, classes),
    )
