"""Which records train and which evaluate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from moorage_api.data_source import Split
from moorage_api.errors import InvalidInput, Problem
from moorage_training.records.records import Records


def split_records(records: Records, split: Split) -> tuple[Records, Records]:
    """(training, evaluation): disjoint, stratified by label, the same for the same records and seed.

    ceil(share x N) records are held out; each class gives its share, largest remainder first, and keeps at least one
    record for training. Raises InvalidInput if nothing would be left on one side.
    """
    held_out = _held_out(records.y, split)
    evaluation = np.flatnonzero(held_out).astype(np.int64)
    training = np.flatnonzero(~held_out).astype(np.int64)
    if len(evaluation) == 0 or len(training) == 0:
        raise InvalidInput(
            Problem(
                f"{len(records)} records cannot be split into training and evaluation",
                "dataset.split",
                "evaluation",
                f"{split.evaluation:g}",
                "add records, or change the share",
            )
        )
    return records.take(training), records.take(evaluation)


def _held_out(y: NDArray[np.int64], split: Split) -> NDArray[np.bool_]:
    classes, sizes = np.unique(y, return_counts=True)
    wanted = sizes * split.evaluation
    counts = np.floor(wanted).astype(np.int64)
    remainders = np.argsort(-(wanted - counts), kind="stable")
    for place in remainders[: math.ceil(len(y) * split.evaluation - 1e-9) - int(counts.sum())]:
        counts[place] += 1
    counts = np.minimum(counts, sizes - 1)
    held_out = np.zeros(len(y), dtype=bool)
    for label, count in zip(classes, counts, strict=True):
        generator = np.random.default_rng([split.seed, int(label)])
        held_out[generator.permutation(np.flatnonzero(y == label))[:count]] = True
    return held_out
