"""The report's pictures, as PNG files that are the same bytes for the same figures.

matplotlib is loaded only when a plot is drawn; nothing touches its global state.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from moorage_training.evaluation.calibration import Calibration
from moorage_training.evaluation.robustness import RobustAccuracy

if TYPE_CHECKING:
    from moorage_training.trained import HistoryPoint

BLUE, ORANGE, GREY = "#1f5fa8", "#d1661a", "#8a8f98"
ATTACK_COLOURS = {"PGD": "#d1661a", "Margin": "#2e8b57", "Square": "#7b4fa3"}
MOST_COUNTED_CLASSES = 20
MOST_NAMED_CLASSES = 40
LONGEST_LABEL = 18


def plot_training(history: Sequence[HistoryPoint], path: Path) -> None:
    """Training loss over steps and, where it was spent, epsilon below it. `history` is not empty."""
    steps = [point.step for point in history]
    spent = [(point.step, point.epsilon) for point in history if point.epsilon is not None]
    figure = _figure(7, 5.4 if spent else 3.4)
    panels = figure.subplots(2 if spent else 1, 1, sharex=True, squeeze=False)[:, 0]
    marker = "o" if len(history) == 1 else ""
    panels[0].plot(steps, [point.loss for point in history], color=BLUE, linewidth=1.4, marker=marker)
    panels[0].set(ylabel="training loss", title="Training")
    if spent:
        panels[1].plot([step for step, _ in spent], [epsilon for _, epsilon in spent], color=ORANGE, linewidth=1.6, marker=marker)
        panels[1].set(ylabel="epsilon spent")
        panels[1].set_ylim(bottom=0)
    panels[-1].set(xlabel="step")
    for panel in panels:
        _quiet(panel)
    _save(figure, path)


def plot_confusion(confusion: npt.NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Shares of each true class by prediction; counts and names only where they can be read."""
    count = len(classes)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.6 + 0.42 * count, 4.2, 11))
    figure = _figure(side + 1.6, side)
    panel = figure.subplots()
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=panel, label="share of the true class", fraction=0.046, pad=0.03)
    panel.set(xlabel="predicted", ylabel="true", title="Confusion matrix, held-out records")
    if count <= MOST_NAMED_CLASSES:
        names = [_short(name) for name in classes]
        long = max(map(len, names)) > 3
        panel.set_xticks(range(count), names, rotation=45 if long else 0, ha="right" if long else "center", parse_math=False)
        panel.set_yticks(range(count), names, parse_math=False)
    if count <= MOST_COUNTED_CLASSES:
        for row, column in np.argwhere(confusion > 0):
            colour = "white" if shares[row, column] > 0.5 else "black"
            panel.text(column, row, str(confusion[row, column]), ha="center", va="center", color=colour, fontsize=9)
    _save(figure, path)


def plot_calibration(calibration: Calibration, path: Path) -> None:
    """The reliability diagram, and how many records each bar stands on."""
    bins = calibration.bins
    middles = [(b.lower + b.upper) / 2 for b in bins]
    width = (bins[0].upper - bins[0].lower) * 0.92
    figure = _figure(5.6, 6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.bar(middles, [b.accuracy for b in bins], width, color=BLUE, label="accuracy of the bin")
    filled = [b for b in bins if b.records]
    above.plot([b.confidence for b in filled], [b.accuracy for b in filled], "o", color=ORANGE, markersize=4, label="mean confidence")
    above.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1.2, label="perfectly calibrated")
    above.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    above.set_title(f"Calibration: expected error {calibration.expected_error:.3f}")
    above.legend(loc="upper left", frameon=False, fontsize=9)
    below.bar(middles, [b.records for b in bins], width, color=GREY)
    below.set(xlabel="confidence", ylabel="records")
    _quiet(above)
    _quiet(below)
    _save(figure, path)


def plot_robustness(robust: RobustAccuracy, norm: str, reference: float, chance: float, path: Path) -> None:
    """Accuracy over the radius: the worst case in front, each attack alone behind it."""
    radii = list(robust.worst)
    figure = _figure(7, 4.4)
    panel = figure.subplots()
    for name, accuracies in robust.by_attack.items():
        colour = ATTACK_COLOURS.get(name, GREY)
        panel.plot([0, *radii], [robust.clean, *accuracies.values()], "o--", color=colour, linewidth=1.1, markersize=3.5, label=name)
    panel.plot([0, *radii], [robust.clean, *robust.worst.values()], "o-", color=BLUE, linewidth=2.2, markersize=5, label="worst of all")
    panel.axhline(chance, color=GREY, linestyle=":", linewidth=1.3, label="chance")
    panel.axvline(reference, color=GREY, linewidth=0.9)
    panel.set(xlabel=f"radius ({norm}, scaled input)", ylabel="accuracy", xlim=(0, radii[-1] * 1.04), ylim=(0, 1.02))
    panel.set_title(f"Accuracy under attack: {robust.worst[reference]:.3f} at {reference:g}, of {robust.records} held-out records")
    panel.legend(frameon=False, fontsize=9, loc="best")
    _quiet(panel)
    _save(figure, path)


def _figure(width_inches: float, height_inches: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inches, height_inches), dpi=120, layout="constrained")


def _quiet(panel: Any) -> None:
    panel.grid(True, axis="y", color="#e3e5e8", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _save(figure: Any, path: Path) -> None:
    with warnings.catch_warnings():
        # A label in a script that the bundled font lacks is drawn as boxes; that is no reason to fail or to warn.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, format="png", metadata={"Software": None})
