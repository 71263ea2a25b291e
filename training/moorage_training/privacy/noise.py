"""The Gaussian noise of a private step."""

from __future__ import annotations

import math
import os

import numpy as np
import torch
from torch import Tensor

from moorage_training.privacy.secrecy import secret_generator

DRAWS = 4


class SecretNoise:
    """Normal noise for a flat gradient, drawn by rank 0 alone and added once to the sum over all ranks.

    Each value is the sum of four draws, halved: the floating-point grid of a single draw can betray the value beneath
    (Mironov 2012; Holohan and Braghin 2021).
    """

    def __init__(self, device: torch.device, generator: np.random.Generator | None = None) -> None:
        self._device = device
        self._generator = generator or secret_generator()
        self._on_device: torch.Generator | None = None
        if device.type == "cuda":
            self._on_device = torch.Generator(device).manual_seed(int.from_bytes(os.urandom(8)) >> 1)

    def draw(self, size: int, standard_deviation: float) -> Tensor:
        """[size], float32, on the device."""
        noise = torch.zeros(size, device=self._device)
        for _ in range(DRAWS):
            if self._on_device is not None:
                noise += torch.randn(size, generator=self._on_device, device=self._device)
            else:
                noise += torch.from_numpy(self._generator.standard_normal(size, dtype=np.float32))
        return noise.mul_(standard_deviation / math.sqrt(DRAWS))
