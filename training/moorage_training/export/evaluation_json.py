"""reports/evaluation.json: every figure behind the card and the plots, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from moorage_training.evaluation.attacks.select import SQUARE_QUERIES
from moorage_training.evaluation.evaluate import ModelEvaluation, RobustnessFindings
from moorage_training.evaluation.sweep import radius_label
from moorage_training.trained import HistoryPoint


def evaluation_json(evaluation: ModelEvaluation, classes: Sequence[str], history: Sequence[HistoryPoint]) -> str:
    """The same figures give the same text; numbers are finite."""
    document = {
        "records": evaluation.records,
        "metrics": evaluation.values,
        "classes": list(classes),
        "confusion": evaluation.classifier.confusion.tolist(),
        "calibration": [asdict(b) for b in evaluation.classifier.calibration.bins],
        "robustness": None if evaluation.robustness is None else _robustness(evaluation.robustness),
        "training": [asdict(point) for point in history],
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _robustness(findings: RobustnessFindings) -> dict[str, Any]:
    accuracy, sanity = findings.accuracy, findings.sanity
    return {
        "settings": findings.settings.to_wire(),
        "squareQueries": SQUARE_QUERIES,
        "records": accuracy.records,
        "clean": accuracy.clean,
        "byAttack": {
            name: {radius_label(radius): value for radius, value in by_radius.items()} for name, by_radius in accuracy.by_attack.items()
        },
        "worst": {radius_label(radius): value for radius, value in accuracy.worst.items()},
        "sanity": {"radius": sanity.radius, "accuracy": sanity.accuracy, "ceiling": sanity.ceiling, "passed": sanity.passed},
    }
