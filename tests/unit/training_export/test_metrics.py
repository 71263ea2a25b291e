"""Metrics against scikit-learn, calibration against a definition written out by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as oracle

from moorage_training.evaluation.calibration import BINS, calibration_of
from moorage_training.evaluation.metrics import classifier_metrics, softmax


def made_up(classes: int, records: int, seed: int, rounded: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right more often than not, with ties where `rounded`."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, records)
    logits = rng.normal(size=(records, classes)).astype(np.float32)
    logits[np.arange(records), y] += 1.0
    return (np.round(logits) if rounded else logits), y


@pytest.mark.parametrize(("classes", "rounded"), [(2, False), (2, True), (3, False), (10, True)])
def test_agrees_with_scikit_learn(classes: int, rounded: bool) -> None:
    logits, y = made_up(classes, 300, seed=classes, rounded=rounded)
    found = classifier_metrics(logits, y)
    predicted = logits.argmax(axis=1)
    probabilities = softmax(logits)
    expected = {
        "accuracy": oracle.accuracy_score(y, predicted),
        "precision": oracle.precision_score(y, predicted, average="macro", zero_division=0),
        "recall": oracle.recall_score(y, predicted, average="macro", zero_division=0),
        "f1": oracle.f1_score(y, predicted, average="macro", zero_division=0),
        "rocAuc": oracle.roc_auc_score(y, probabilities[:, 1])
        if classes == 2
        else oracle.roc_auc_score(y, probabilities, multi_class="ovr", average="macro"),
    }
    assert {name: found.values[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found.confusion.tolist() == oracle.confusion_matrix(y, predicted, labels=range(classes)).tolist()


def test_an_absent_class_leaves_the_area_out_and_the_averages_as_scikit_learn_has_them() -> None:
    logits, y = made_up(4, 100, seed=1)
    y[y == 3] = 0
    found = classifier_metrics(logits, y)
    predicted = logits.argmax(axis=1)
    assert "rocAuc" not in found.values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found.values["recall"] == pytest.approx(oracle.recall_score(y, predicted, average="macro", zero_division=0))
        assert found.values["f1"] == pytest.approx(oracle.f1_score(y, predicted, average="macro", zero_division=0))
    assert found.confusion.shape == (4, 4)


def test_one_record_and_one_class_are_enough() -> None:
    found = classifier_metrics(np.array([[2.0, 1.0]], dtype=np.float32), np.array([0]))
    assert found.values["accuracy"] == 1.0
    assert "rocAuc" not in found.values


def test_the_prediction_is_the_served_model_s_argmax_even_where_probabilities_saturate() -> None:
    logits = np.array([[0.0, 1e4, 1e4 + 1], [1e4, 0.0, -1e4]], dtype=np.float32)
    assert classifier_metrics(logits, np.array([2, 0])).values["accuracy"] == 1.0


def expected_error_by_hand(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Guo et al. 2017, equation 3, bin m holding confidences in ((m - 1) / 15, m / 15]."""
    total = 0.0
    for m in range(1, 16):
        inside = [i for i, c in enumerate(confidence) if (m - 1) / 15 < c <= m / 15]
        if inside:
            accuracy = sum(bool(correct[i]) for i in inside) / len(inside)
            mean = sum(float(confidence[i]) for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - mean)
    return total


def test_expected_calibration_error_is_its_definition() -> None:
    rng = np.random.default_rng(5)
    confidence = np.concatenate([rng.uniform(0.1, 1.0, 500), [1.0, 1 / 15, 0.999999]])
    correct = rng.random(len(confidence)) < confidence**2
    found = calibration_of(confidence, correct)
    assert found.expected_error == pytest.approx(expected_error_by_hand(confidence, correct), abs=1e-12)
    assert len(found.bins) == BINS == 15
    assert sum(b.records for b in found.bins) == len(confidence)


def test_a_model_that_is_always_sure_and_half_right_is_off_by_a_half() -> None:
    assert calibration_of(np.ones(10), np.arange(10) % 2 == 0).expected_error == pytest.approx(0.5)
