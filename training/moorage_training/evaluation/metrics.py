"""Figures of a classifier from its logits, all in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moorage_training.evaluation.calibration import Calibration, calibration_of

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ClassifierMetrics:
    """What the held-out records say.

    values: by `moorage_api.gates.MetricName`; rocAuc is left out where a class has no record.
    confusion: `[classes, classes]`, rows are the truth, columns the prediction.
    calibration: the reliability diagram that `expectedCalibrationError` sums up.
    """

    values: dict[str, float]
    confusion: IntArray
    calibration: Calibration


def classifier_metrics(logits: FloatArray, y: IntArray) -> ClassifierMetrics:
    """Measure `logits` `[N, classes]` (finite, N >= 1) against the labels `y` `[N]`."""
    probabilities = softmax(logits)
    predicted = logits.argmax(axis=1)
    confusion = confusion_matrix(y, predicted, logits.shape[1])
    calibration = calibration_of(probabilities.max(axis=1), predicted == y)
    precision, recall, f1 = macro_averages(confusion)
    values = {
        "accuracy": float((predicted == y).mean()),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "expectedCalibrationError": calibration.expected_error,
    }
    auc = roc_auc(probabilities, y)
    if auc is not None:
        values["rocAuc"] = auc
    return ClassifierMetrics(values, confusion, calibration)


def softmax(logits: FloatArray) -> npt.NDArray[np.float64]:
    """Class probabilities in double precision, rows summing to one."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    probabilities: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def confusion_matrix(y: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """Counts `[classes, classes]` of (truth, prediction)."""
    return np.bincount(y * classes + predicted, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def macro_averages(confusion: IntArray) -> tuple[float, float, float]:
    """Precision, recall and F1 averaged over the classes that occur in truth or prediction; 0 / 0 counts as 0."""
    hits = np.diag(confusion).astype(np.float64)
    predicted, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    present = (predicted + actual) > 0
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(actual, 1)
    f1 = 2 * hits / np.maximum(predicted + actual, 1)
    return float(precision[present].mean()), float(recall[present].mean()), float(f1[present].mean())


def roc_auc(probabilities: FloatArray, y: IntArray) -> float | None:
    """Area under the ROC curve: of the second class where there are two, else one-vs-rest averaged over the classes.

    None where a class, or its complement, has no record: the area is not defined.
    """
    counts = np.bincount(y, minlength=probabilities.shape[1])
    if (counts == 0).any() or (counts == len(y)).any():
        return None
    positives = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return float(np.mean([_area(probabilities[:, label], y == label) for label in positives]))


def _area(scores: FloatArray, positive: npt.NDArray[np.bool_]) -> float:
    """The Mann-Whitney statistic: how often a positive scores above a negative, ties counting half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n)))
