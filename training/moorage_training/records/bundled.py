"""The data sets that scikit-learn ships in its wheel: read from its own files, offline, without importing it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moorage_api.data_source import Columns, FeatureColumn
from moorage_api.run_config import ResolvedDataset
from moorage_training.records.refusal import Refusal

SCHEME = "sklearn://"
LABEL = "label"
DIGITS_MAXIMUM = 16.0

# Bounds that hold by what the columns are, not by what the records happen to hold: a statistic of the records must not
# reach a private model.
_CENTIMETRES = {
    "sepal length (cm)": (0.0, 10.0),
    "sepal width (cm)": (0.0, 6.0),
    "petal length (cm)": (0.0, 10.0),
    "petal width (cm)": (0.0, 5.0),
}
_WINE = {
    "alcohol": (8.0, 20.0),
    "malic_acid": (0.0, 10.0),
    "ash": (0.0, 5.0),
    "alcalinity_of_ash": (0.0, 40.0),
    "magnesium": (0.0, 200.0),
    "total_phenols": (0.0, 6.0),
    "flavanoids": (0.0, 8.0),
    "nonflavanoid_phenols": (0.0, 1.0),
    "proanthocyanins": (0.0, 5.0),
    "color_intensity": (0.0, 20.0),
    "hue": (0.0, 3.0),
    "od280/od315_of_diluted_wines": (0.0, 5.0),
    "proline": (0.0, 2500.0),
}
_NUCLEUS = {
    "radius": (40.0, 5.0, 60.0),
    "texture": (60.0, 10.0, 80.0),
    "perimeter": (300.0, 40.0, 400.0),
    "area": (4000.0, 800.0, 6000.0),
    "smoothness": (0.3, 0.1, 0.5),
    "compactness": (1.0, 0.3, 2.0),
    "concavity": (1.0, 0.6, 2.0),
    "concave points": (0.5, 0.1, 0.6),
    "symmetry": (1.0, 0.2, 1.0),
    "fractal dimension": (0.3, 0.1, 0.5),
}
_BREAST_CANCER = {
    **{f"mean {name}": (0.0, bounds[0]) for name, bounds in _NUCLEUS.items()},
    **{f"{name} error": (0.0, bounds[1]) for name, bounds in _NUCLEUS.items()},
    **{f"worst {name}": (0.0, bounds[2]) for name, bounds in _NUCLEUS.items()},
}
_DIGITS = {f"pixel_{row}_{column}": (0.0, DIGITS_MAXIMUM) for row in range(8) for column in range(8)}

_SETS = {
    "digits": ("digits.csv.gz", _DIGITS, [str(digit) for digit in range(10)]),
    "iris": ("iris.csv", _CENTIMETRES, ["setosa", "versicolor", "virginica"]),
    "wine": ("wine_data.csv", _WINE, ["class_0", "class_1", "class_2"]),
    "breast_cancer": ("breast_cancer.csv", _BREAST_CANCER, ["malignant", "benign"]),
}


def bundled_name(dataset: ResolvedDataset, refusal: Refusal) -> str:
    """`digits` of `sklearn://digits`; raises InvalidInput for anything that is not bundled."""
    name = dataset.uri.removeprefix(SCHEME)
    if not dataset.uri.startswith(SCHEME) or name not in _SETS:
        raise refusal.whole(f"{dataset.uri!r} is not a bundled data set", f"use {', '.join(SCHEME + n for n in _SETS)}")
    return name


def bundled_columns(name: str) -> Columns:
    """What the columns of a bundled set mean, with public bounds; its label column is called `label`."""
    _, bounds, classes = _SETS[name]
    features = [FeatureColumn(name=column, minimum=low, maximum=high) for column, (low, high) in bounds.items()]
    return Columns(label=LABEL, classes=classes, features=features)


def read_bundled_table(name: str) -> pd.DataFrame:
    """The features as numbers, and the label by its class's name."""
    values, labels = _read(name)
    _, bounds, classes = _SETS[name]
    frame = pd.DataFrame(values, columns=list(bounds))
    frame[LABEL] = [classes[label] for label in labels]
    return frame


def read_digits_images() -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    """Images [N, 1, 8, 8] in 0..16, labels, class names."""
    values, labels = _read("digits")
    return values.astype(np.float32).reshape(-1, 1, 8, 8), labels, _SETS["digits"][2]


def _read(name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    file = Path(str(files("sklearn"))) / "datasets" / "data" / _SETS[name][0]
    # All but digits open with a line of counts and class names.
    table = np.loadtxt(file, delimiter=",", skiprows=0 if name == "digits" else 1)
    return table[:, :-1], table[:, -1].astype(np.int64)
