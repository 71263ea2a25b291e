"""Random changes to training images, drawn for each record on its own at each use."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from moorage_api.data_source import Augmentation
from moorage_training.adversarial.draws import Draws


def augment(images: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    """[N, C, H, W] -> the same, sheared, zoomed and mirrored about the centre; what lies outside repeats the border."""
    count = len(images)
    if count == 0:
        return images

    def uniform() -> Tensor:
        return draws.uniform(images.new_empty(count, 1))[:, 0] * 2 - 1

    shear = torch.tan(uniform() * math.radians(settings.shear_degrees))
    zoom = 1 + uniform() * settings.zoom
    mirrored = (uniform() < 0) & settings.horizontal_flip
    theta = torch.zeros(count, 2, 3, device=images.device)
    theta[:, 0, 0] = torch.where(mirrored, -1.0, 1.0) / zoom
    theta[:, 0, 1] = shear / zoom
    theta[:, 1, 1] = 1 / zoom
    grid = affine_grid(theta, list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
