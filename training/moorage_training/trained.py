"""What training hands to export."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from moorage_api.artifact import Signature
from moorage_api.privacy import PrivacySpend
from moorage_training.preprocessing import Preprocessing


@dataclass(frozen=True)
class HistoryPoint:
    """step: the last of the steps that `loss` is the mean over; epsilon: spent by all executed steps up to it, or None."""

    step: int
    loss: float
    epsilon: float | None


@dataclass(frozen=True)
class TrainedModel:
    """network: scaled inputs -> logits, float32, on the CPU, in eval mode; preprocessing: raw -> scaled inputs."""

    network: nn.Module
    preprocessing: Preprocessing
    signature: Signature
    privacy: PrivacySpend | None
    history: list[HistoryPoint] = field(default_factory=list)
