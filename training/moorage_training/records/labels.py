"""Labels: from the words in the records to indices of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moorage_training.records.numbers import as_indices
from moorage_training.records.refusal import Refusal


def encode_labels(
    labels: NDArray[np.object_], name: str, declared: list[str] | None, refusal: Refusal
) -> tuple[NDArray[np.int64], list[str]]:
    """int64 [N] and the classes in their order.

    Raises InvalidInput if a label is missing or not declared, if there is only one class, or if the classes of private
    records are not declared: which labels occur is itself a fact about the records.
    """
    for record, label in enumerate(labels):
        if label is None:
            raise refusal.cell(name, record + 1, "label is missing", None, "remove the record, or label it")
    if declared is None and refusal.private:
        raise refusal.whole(
            "the classes of private records must be declared, not read from them", "list every class", f"columns.classes of {name!r}"
        )
    present = sorted(set(labels), key=class_order)
    if len(present) < 2:
        raise refusal.whole(f"all {len(labels)} records have one class", "a classifier needs records of two classes or more", name)
    classes = declared if declared is not None else present
    if len(set(classes)) < len(classes):
        raise refusal.whole("a class is listed twice", "list every class once", "columns.classes")
    return as_indices(labels, classes, name, refusal, "classes").astype(np.int64), list(classes)


def class_order(word: str) -> tuple[int, float, str]:
    """Sorts classes that nobody listed: numbers by value, then words."""
    try:
        return (0, float(word), word)
    except ValueError:
        return (1, 0.0, word)
