"""A table with declared columns, as Records: the same way for every source of tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moorage_api.artifact import InputFeature, Signature
from moorage_api.data_source import Columns, FeatureColumn
from moorage_training.records.labels import encode_labels
from moorage_training.records.numbers import as_indices, as_numbers, as_words
from moorage_training.records.records import Records
from moorage_training.records.refusal import Refusal


def records_of_table(frame: pd.DataFrame, columns: Columns, refusal: Refusal) -> Records:
    """Encode, check and clean.

    A missing number stays NaN, for the model fills it; a missing Category becomes its fill here. Raises InvalidInput.
    """
    if len(frame) == 0:
        raise refusal.whole("there are no records", "put records into it")
    features = feature_columns(list(map(str, frame.columns)), columns, refusal)
    frame.columns = frame.columns.map(str)
    arrays = [_feature(frame[feature.name], feature, refusal) for feature in features]
    labels = as_words(frame[columns.label])
    x = np.stack(arrays, axis=1)
    x, labels = _missing(x, labels, features, columns, refusal)
    y, classes = encode_labels(labels, columns.label, columns.classes, refusal)
    signature = Signature(
        input="features",
        shape=[len(features)],
        features=[InputFeature(name=f.name, type=f.type, categories=f.categories) for f in features],
        accepts_missing=columns.missing == "Fill",
        classes=classes,
    )
    return Records(np.ascontiguousarray(x), y, signature)


def feature_columns(header: list[str], columns: Columns, refusal: Refusal) -> list[FeatureColumn]:
    """The features in order: the declared ones, or every column but the label as numbers."""
    if columns.label not in header:
        raise refusal.whole(
            f"there is no label column {columns.label!r}; the columns are {_listed(header)}",
            "name the label in columns.label, or add the column",
            "columns.label",
        )
    features = columns.features or [FeatureColumn(name=name) for name in header if name != columns.label]
    if not features:
        raise refusal.whole("there is no column beside the label", "add feature columns", "columns.features")
    for feature in features:
        if feature.name not in header:
            raise refusal.whole(
                f"there is no column {feature.name!r}; the columns are {_listed(header)}", "correct the name", "columns.features"
            )
        if feature.name == columns.label:
            raise refusal.whole(f"{feature.name!r} is the label and a feature", "remove it from the features", "columns.features")
    return features


def _feature(column: pd.Series, feature: FeatureColumn, refusal: Refusal) -> NDArray[np.float32]:
    if feature.type == "Number":
        return as_numbers(column, feature.name, refusal)
    return as_indices(as_words(column), feature.categories or [], feature.name, refusal, "categories")


def _missing(
    x: NDArray[np.float32], labels: NDArray[np.object_], features: list[FeatureColumn], columns: Columns, refusal: Refusal
) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
    """Drop, refuse or (for categories) fill what is missing."""
    holes = np.isnan(x)
    if columns.missing == "Drop":
        keep = ~holes.any(axis=1)
        if not keep.any():
            raise refusal.whole("every record has a missing value", "set columns.missing to Fill", "columns.missing")
        return x[keep], labels[keep]
    if columns.missing == "Refuse" and holes.any():
        record, column = (int(at[0]) for at in np.nonzero(holes))
        raise refusal.cell(features[column].name, record + 1, "value is missing", None, "set columns.missing to Fill or Drop")
    for index, feature in enumerate(features):
        if feature.type == "Category":
            categories = feature.categories or []
            x[holes[:, index], index] = categories.index(feature.fill_category) if feature.fill_category is not None else 0
    return x, labels


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:12]))
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
