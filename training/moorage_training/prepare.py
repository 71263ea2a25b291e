"""From the run's config to records, preprocessing and an untrained network: the same on the driver and on every worker."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from torch import nn

from moorage_api.run_config import RunConfig
from moorage_training.networks import build_network
from moorage_training.preprocessing import Preprocessing, fit_preprocessing
from moorage_training.records import Records, read_records
from moorage_training.records.load import declared_columns


@dataclass(frozen=True)
class Prepared:
    """Everything that training starts from."""

    training: Records
    evaluation: Records
    preprocessing: Preprocessing
    network: nn.Module

    def content_digest(self) -> str:
        """SHA-256 of the training records: whether two processes read the same. Kept in memory only, for it is a fact about them."""
        digest = hashlib.sha256(self.training.x.tobytes())
        digest.update(self.training.y.tobytes())
        return digest.hexdigest()


def prepare(config: RunConfig) -> Prepared:
    """Read the records, split them, fit the preprocessing on the training part, build the network. Raises InvalidInput."""
    return prepare_for(config, *read_records(config))


def prepare_for(config: RunConfig, training: Records, evaluation: Records) -> Prepared:
    """What else training starts from. Raises InvalidInput."""
    private = config.privacy is not None
    preprocessing = fit_preprocessing(training, declared_columns(config.dataset), private)
    network = build_network(config.task, training.signature, preprocessing.scaled_shape, private, config.optimization.seed)
    return Prepared(training, evaluation, preprocessing, network)
