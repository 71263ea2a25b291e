"""When to stop early, and which weights were the best."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from moorage_api.task import EarlyStopping


class BestWeights:
    """Follows the evaluation loss; every rank sees the same losses and so decides the same."""

    def __init__(self, settings: EarlyStopping) -> None:
        self._settings = settings
        self._best_loss = math.inf
        self._since_best = 0
        self._weights: dict[str, Any] | None = None

    def seen(self, loss: float, network: nn.Module) -> bool:
        """Take note of an evaluation; whether training should stop."""
        if loss < self._best_loss - self._settings.min_delta:
            self._best_loss, self._since_best = loss, 0
            self._weights = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        else:
            self._since_best += 1
        return self._since_best >= self._settings.patience

    def restore(self, network: nn.Module) -> None:
        """Give `network` the best weights seen, if any were."""
        if self._weights is not None:
            network.load_state_dict(self._weights)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"best_loss": self._best_loss, "since_best": self._since_best, "weights": self._weights}

    def load(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._best_loss, self._since_best, self._weights = state["best_loss"], state["since_best"], state["weights"]
