"""A run's records, read and split."""

from __future__ import annotations

from moorage_api.run_config import RunConfig
from moorage_training.records.load import load_records
from moorage_training.records.records import Records
from moorage_training.records.split import split_records


def read_records(config: RunConfig) -> tuple[Records, Records]:
    """(training, evaluation). Raises InvalidInput: most of what can be wrong with an input is wrong here."""
    return split_records(load_records(config.dataset, config.task, config.privacy is not None), config.dataset.split)
