"""Plots are PNG files of a bounded size, for two classes and for a thousand, the same bytes each time."""

from __future__ import annotations

import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from moorage_training.evaluation.calibration import calibration_of
from moorage_training.evaluation.robustness import RobustAccuracy
from moorage_training.export.plots import plot_calibration, plot_confusion, plot_robustness, plot_training
from moorage_training.trained import HistoryPoint


def size_of(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.mark.parametrize("classes", [2, 10, 30, 1000])
def test_a_confusion_matrix_of_any_size_is_a_picture_of_bounded_size(tmp_path: Path, classes: int) -> None:
    confusion = np.random.default_rng(0).integers(0, 5, (classes, classes))
    plot_confusion(confusion, [f"class {i}" for i in range(classes)], tmp_path / "confusion.png")
    width, height = size_of(tmp_path / "confusion.png")
    assert 400 <= height <= width <= 1600


def test_labels_are_text_whatever_they_hold(tmp_path: Path) -> None:
    labels = ["$\\frac{", "x" * 1000, "数字", "a\nb"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_confusion(np.eye(4, dtype=np.int64), labels, tmp_path / "confusion.png")
    assert max(size_of(tmp_path / "confusion.png")) <= 1600


def test_a_class_without_records_is_an_empty_row(tmp_path: Path) -> None:
    plot_confusion(np.array([[3, 1], [0, 0]]), ["a", "b"], tmp_path / "confusion.png")
    assert size_of(tmp_path / "confusion.png")


def test_every_other_plot_is_drawn_and_repeats_byte_by_byte(tmp_path: Path) -> None:
    calibration = calibration_of(np.linspace(0.1, 1.0, 50), np.arange(50) % 3 > 0)
    robust = RobustAccuracy(50, 0.9, {"PGD": {0.1: 0.6, 0.2: 0.3}, "Square": {0.1: 0.7, 0.2: 0.4}}, {0.1: 0.6, 0.2: 0.25})
    private = [HistoryPoint(step, 2.0 / step, 0.1 * step) for step in range(1, 20)]
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        plot_calibration(calibration, folder / "calibration.png")
        plot_robustness(robust, "Linf", 0.1, 0.1, folder / "robustness.png")
        plot_training(private, folder / "private.png")
        plot_training([HistoryPoint(1, 2.0, None)], folder / "one point.png")
    for path in (tmp_path / "first").iterdir():
        assert size_of(path)[0] > 500
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_matplotlib_is_not_loaded_until_something_is_drawn() -> None:
    code = "import sys, moorage_training.export.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
