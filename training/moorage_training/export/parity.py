"""The exported graph must say what the trained network says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from moorage_api.errors import Problem, Refused
from moorage_training.evaluation.attacks.attack import FloatArray
from moorage_training.evaluation.served import ServedModel

TOLERANCE = 1e-3
"""The greatest difference of two logits, relative to the largest; float32 in another order of operations stays far below."""
RECORDS = 64


def require_parity(model: Path, preprocessing: torch.nn.Module, network: torch.nn.Module, x: FloatArray) -> None:
    """Compare logits of the first records of `x` in torch and in onnxruntime; raises Refused where they differ."""
    sample = x[:RECORDS]
    with torch.no_grad():
        expected = network(preprocessing(torch.from_numpy(sample))).numpy()
    actual = ServedModel(model).logits(sample)
    if not np.isfinite(expected).all():
        return
    difference = float(np.abs(actual - expected).max() / max(1.0, np.abs(expected).max()))
    if not difference <= TOLERANCE:
        raise Refused(
            Problem(
                "the exported graph does not compute what the trained network computes: logits differ by more than rounding",
                str(model),
                "logits",
                f"{difference:.3g}",
                "run the job again; if it happens again, report it with the versions of torch and onnxruntime",
            )
        )
