"""Whatever the logits: figures lie in [0, 1] and agree with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score, roc_auc_score

from moorage_training.evaluation.metrics import classifier_metrics, softmax


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    classes = draw(st.integers(2, 6))
    records = draw(st.integers(1, 30))
    scores = st.floats(-1e4, 1e4, width=32) | st.sampled_from([0.0, 1.0, -1.0])
    logits = draw(arrays.arrays(np.float32, (records, classes), elements=scores))
    y = draw(arrays.arrays(np.int64, records, elements=st.integers(0, classes - 1)))
    return logits, y


@given(predictions())
@settings(max_examples=150, deadline=None)
def test_figures_lie_between_zero_and_one(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    logits, y = drawn
    found = classifier_metrics(logits, y)
    assert all(0.0 <= value <= 1.0 for value in found.values.values())
    assert found.confusion.sum() == len(y)
    assert np.trace(found.confusion) == round(found.values["accuracy"] * len(y))
    assert ("rocAuc" in found.values) == (len(np.unique(y)) == logits.shape[1])
    assert np.allclose(softmax(logits).sum(axis=1), 1.0)


@given(predictions())
@settings(max_examples=100, deadline=None)
def test_figures_agree_with_scikit_learn(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    logits, y = drawn
    found = classifier_metrics(logits, y).values
    assert found["f1"] == pytest.approx(f1_score(y, logits.argmax(axis=1), average="macro", zero_division=0))
    if "rocAuc" in found:
        p = softmax(logits)
        assert found["rocAuc"] == pytest.approx(roc_auc_score(y, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr"))
