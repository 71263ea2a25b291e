"""Publishing: a trained model becomes a sealed artifact in the output folder, whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from moorage_api.artifact import MODEL, ArtifactManifest, Provenance
from moorage_api.errors import InvalidInput, Problem
from moorage_api.gates import judge
from moorage_api.run_config import RunConfig
from moorage_api.run_report import Phase
from moorage_training.evaluation.evaluate import ModelEvaluation, evaluate_model
from moorage_training.export.card import render_card
from moorage_training.export.evaluation_json import evaluation_json
from moorage_training.export.onnx import export_onnx
from moorage_training.export.parity import require_parity
from moorage_training.export.plots import plot_calibration, plot_confusion, plot_robustness, plot_training
from moorage_training.export.seal import hashes_of, move_into_place, seal, staging
from moorage_training.records import Records
from moorage_training.trained import HistoryPoint, TrainedModel


def publish(
    trained: TrainedModel, config: RunConfig, training_records: int, evaluation: Records, on_phase: Callable[[Phase], None]
) -> ArtifactManifest:
    """Export, evaluate, attack, judge the gates, and put the artifact into `config.output` under its digest's name.

    training_records: how many records the model was trained on. evaluation: held-out records. on_phase: told when a phase
    begins. Returns the sealed manifest, also where gates failed; they are recorded, and a ModelService holds the model to them.

    Raises Unavailable where the disk is full or not writable, InvalidInput where training diverged or nothing is held out,
    Refused where the graph and the network disagree. Then nothing is published.
    """
    if len(evaluation) == 0:
        job = f"TrainingJob {config.job.namespace}/{config.job.name}"
        raise InvalidInput(Problem("no record is held out for evaluation", job, "spec.dataset.split.evaluation", remedy="raise it"))
    trained.network.eval()
    with staging(Path(config.folder) / "artifact") as folder:
        on_phase("Exporting")
        model = folder / MODEL
        export_onnx(trained.preprocessing, trained.network, trained.signature, model)
        require_parity(model, trained.preprocessing, trained.network, evaluation.x)
        on_phase("Evaluating")
        measured = evaluate_model(model, trained, config, evaluation)
        history = [point for point in trained.history if math.isfinite(point.loss)]
        draft = _manifest(trained, config, training_records, measured)
        _write_reports(folder / "reports", trained, measured, history)
        (folder / "card.md").write_text(render_card(draft, config, measured, bool(history)), encoding="utf-8")
        sealed = seal(folder, draft.model_copy(update={"files": hashes_of(folder)}))
        move_into_place(folder, Path(config.output), str(sealed.digest))
    return sealed


def _manifest(trained: TrainedModel, config: RunConfig, training_records: int, measured: ModelEvaluation) -> ArtifactManifest:
    metrics = dict(measured.values)
    if trained.privacy is not None:
        metrics["epsilonSpent"] = trained.privacy.epsilon_spent
    gates = judge(config.gates, metrics)
    return ArtifactManifest(
        name=config.job.name,
        task=config.task,
        signature=trained.signature,
        preprocessing=trained.preprocessing.summary(),
        metrics=metrics,
        privacy=trained.privacy,
        adversarial=config.adversarial,
        robustness=measured.robustness.summary if measured.robustness else None,
        gates=gates,
        gates_passed=all(result.passed for result in gates),
        provenance=Provenance(
            job=config.job,
            dataset=config.dataset.dataset or config.dataset.uri,
            records=training_records,
            created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            moorage_version=version("moorage"),
            torch_version=torch.__version__,
            seed=config.optimization.seed,
        ),
        files={},
    )


def _write_reports(folder: Path, trained: TrainedModel, measured: ModelEvaluation, history: list[HistoryPoint]) -> None:
    folder.mkdir()
    classes = trained.signature.classes
    plot_confusion(measured.classifier.confusion, classes, folder / "confusion.png")
    plot_calibration(measured.classifier.calibration, folder / "calibration.png")
    if history:
        plot_training(history, folder / "training.png")
    if measured.robustness is not None:
        settings = measured.robustness.settings
        plot_robustness(measured.robustness.accuracy, settings.norm, settings.radius, 1 / len(classes), folder / "robustness.png")
    (folder / "evaluation.json").write_text(evaluation_json(measured, classes, history), encoding="utf-8")
