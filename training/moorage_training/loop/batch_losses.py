"""From a batch of raw records to the parts of each record's loss: augmented, scaled, attacked."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from moorage_api.data_source import Augmentation
from moorage_api.robustness import Adversarial
from moorage_training.adversarial.draws import Draws
from moorage_training.adversarial.training_attack import craft
from moorage_training.loop.augmentation import augment
from moorage_training.loss_parts import RecordLoss, WeightedLosses
from moorage_training.preprocessing import Preprocessing


class BatchLosses:
    """A record's loss is weight x adversarial + (1 - weight) x clean; nothing of it depends on another record."""

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        loss: RecordLoss,
        *,
        adversarial: Adversarial | None,
        augmentation: Augmentation | None,
        mixed_precision: bool,
    ) -> None:
        self._network, self._preprocessing, self._loss = network, preprocessing, loss
        self._adversarial, self._augmentation, self._mixed = adversarial, augmentation, mixed_precision

    def parts(self, raw: Tensor, y: Tensor, draws: Draws) -> WeightedLosses:
        """Crafts the adversarial versions now, at the current weights; the network runs when a part is called."""
        if self._augmentation is not None:
            raw = augment(raw, self._augmentation, draws)
        with torch.no_grad():
            clean = self._preprocessing(raw)
        if self._adversarial is None:
            return [(1.0, lambda: self._run(clean, y))]
        with self._precision():
            attacked = craft(self._network, clean, y, self._adversarial, self._preprocessing, self._loss, draws)
        weight = self._adversarial.weight
        parts: WeightedLosses = [(weight, lambda: self._run(attacked, y))]
        if weight < 1:
            parts.append((1 - weight, lambda: self._run(clean, y)))
        return parts

    def _run(self, x: Tensor, y: Tensor) -> Tensor:
        with self._precision():
            return self._loss(self._network(x), y)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cuda", dtype=torch.bfloat16) if self._mixed else nullcontext()
