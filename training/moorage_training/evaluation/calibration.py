"""How well a classifier's confidence matches how often it is right (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 15


@dataclass(frozen=True)
class CalibrationBin:
    """The records whose confidence lies in (lower, upper]; `accuracy` and `confidence` are means, 0 where there is no record."""

    lower: float
    upper: float
    records: int
    accuracy: float
    confidence: float


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram of equal-width bins, and the record-weighted mean gap between its two means."""

    bins: list[CalibrationBin]
    expected_error: float


def calibration_of(confidence: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_]) -> Calibration:
    """Bin `confidence` `[N]` (the probability of the predicted class) and compare with `correct` `[N]`."""
    edges = np.linspace(0.0, 1.0, BINS + 1)
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)
    bins = []
    for index in range(BINS):
        inside = places == index
        records = int(inside.sum())
        bins.append(
            CalibrationBin(
                lower=float(edges[index]),
                upper=float(edges[index + 1]),
                records=records,
                accuracy=float(correct[inside].mean()) if records else 0.0,
                confidence=float(confidence[inside].mean()) if records else 0.0,
            )
        )
    error = sum(b.records * abs(b.accuracy - b.confidence) for b in bins) / len(confidence)
    return Calibration(bins, min(1.0, error))
