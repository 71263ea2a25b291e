"""Publishing: a whole, sealed artifact, or nothing and a clear error."""

from __future__ import annotations

import copy
import dataclasses
import json
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from moorage_api.artifact import ArtifactManifest, read_artifact
from moorage_api.errors import InvalidInput, Refused, Unavailable
from moorage_api.gates import Gate
from moorage_api.privacy import Privacy, PrivacySpend
from moorage_api.robustness import Adversarial, Evaluation, RobustnessEvaluation
from moorage_api.run_config import RunConfig
from moorage_training.evaluation.served import ServedModel
from moorage_training.export import parity
from moorage_training.export.publish import publish
from moorage_training.export.seal import move_into_place, staging
from moorage_training.records import Records
from moorage_training.trained import TrainedModel

Configure = Callable[..., RunConfig]
ATTACK = Evaluation(robustness=RobustnessEvaluation(radius=0.1, radii=[0.05], steps=5, restarts=1, max_records=100))
FILES = {"model.onnx", "card.md", "reports/evaluation.json"} | {
    f"reports/{plot}.png" for plot in ("training", "confusion", "calibration", "robustness")
}


@pytest.fixture
def linear(train: Callable[[str, int], TrainedModel]) -> TrainedModel:
    return train("Linear", 200)


def silent(phase: object) -> None:
    """Nobody watches."""


def published(config: RunConfig, manifest: ArtifactManifest) -> Path:
    assert manifest.digest is not None
    return Path(config.output) / manifest.digest.removeprefix("sha256:")


def test_the_artifact_is_whole_sealed_and_says_what_was_measured(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    spend = PrivacySpend(epsilon_spent=2.5, delta=1e-5, accountant="RDP")
    gates = [Gate(metric="accuracy", minimum=0.9), Gate(metric="robustAccuracy", minimum=0.99), Gate(metric="epsilonSpent", maximum=3)]
    config = run_config(evaluation=ATTACK, gates=gates, privacy=Privacy(epsilon=3.0, delta=1e-5))
    phases: list[str] = []
    manifest = publish(dataclasses.replace(linear, privacy=spend), config, 1437, digits[1], phases.append)

    folder = published(config, manifest)
    assert read_artifact(folder, manifest.digest) == manifest
    assert set(manifest.files) == FILES
    assert phases == ["Exporting", "Evaluating"]
    assert [p.name for p in Path(config.output).iterdir()] == [folder.name]
    assert not (Path(config.folder) / "artifact").exists()

    predicted = ServedModel(folder / "model.onnx").logits(digits[1].x).argmax(axis=1)
    assert manifest.metrics["accuracy"] == pytest.approx((predicted == digits[1].y).mean())
    assert manifest.metrics["epsilonSpent"] == 2.5
    assert manifest.metrics["robustAccuracy"] == manifest.metrics["robustAccuracy@0.1"] <= manifest.metrics["robustAccuracy@0.05"]
    assert manifest.robustness is not None
    assert manifest.robustness.records == 100
    assert manifest.robustness.sanity_passed
    assert [result.passed for result in manifest.gates] == [True, False, True]
    assert manifest.gates_passed is False
    figures = json.loads((folder / "reports/evaluation.json").read_text())
    assert figures["metrics"] == {name: value for name, value in manifest.metrics.items() if name != "epsilonSpent"}
    assert sum(map(sum, figures["confusion"])) == figures["records"] == 360


def test_the_same_weights_and_configuration_give_the_same_files(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    config = run_config(evaluation=ATTACK)
    first = publish(linear, config, 1437, digits[1], silent)
    second = publish(copy.deepcopy(linear), config, 1437, digits[1], silent)
    assert first.files == second.files
    without_time = [
        m.model_copy(update={"digest": None, "provenance": m.provenance.model_copy(update={"created_at": ""})}) for m in (first, second)
    ]
    assert without_time[0] == without_time[1]


def test_without_robustness_and_adversarial_nothing_is_attacked(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    manifest = publish(linear, run_config(gates=[Gate(metric="robustAccuracy", minimum=0.1)]), 1437, digits[1], silent)
    assert manifest.robustness is None
    assert "robustAccuracy" not in manifest.metrics
    assert manifest.gates_passed is False
    assert "reports/robustness.png" not in manifest.files


def test_adversarial_training_is_measured_at_its_own_norm_and_radius_with_a_curve(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    few = digits[1].take(np.arange(40))
    manifest = publish(linear, run_config(adversarial=Adversarial(norm="L2", radius=0.4)), 1437, few, silent)
    assert manifest.robustness is not None
    assert (manifest.robustness.norm, manifest.robustness.radius) == ("L2", 0.4)
    assert list(manifest.robustness.sweep) == ["0.1", "0.2", "0.4", "0.6", "0.8"]
    assert set(manifest.robustness.attacks) == {"PGD", "Margin", "Square"}


def test_a_held_out_part_that_lacks_a_class_is_measured_without_the_area(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    without_nines = digits[1].take(np.flatnonzero(digits[1].y != 9))
    manifest = publish(linear, run_config(gates=[Gate(metric="rocAuc", minimum=0.5)]), 1437, without_nines, silent)
    assert "rocAuc" not in manifest.metrics
    assert manifest.gates[0].sentence == "rocAuc was not measured"


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond `size_bytes`: writes fail as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size_bytes", [500, 8_000])
def test_a_full_disk_publishes_nothing_and_says_so(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure, size_bytes: int
) -> None:
    """500 bytes stop the model, 8,000 the reports."""
    config = run_config()
    with largest_file(size_bytes), pytest.raises(Unavailable, match=r"disk is full.*free space"):
        publish(linear, config, 1437, digits[1], silent)
    assert not Path(config.output).exists()
    assert not (Path(config.folder) / "artifact").exists()


def test_an_output_that_cannot_be_a_folder_is_named(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure, tmp_path: Path
) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(Unavailable, match=r"models: cannot write the artifact: .*make the folder writable"):
        publish(linear, run_config(), 1437, digits[1], silent)


def test_what_a_crash_left_behind_is_not_published(linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure) -> None:
    config = run_config()
    left = Path(config.folder) / "artifact" / "reports"
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"half")
    manifest = publish(linear, config, 1437, digits[1], silent)
    assert "reports/half.png" not in manifest.files


def test_an_artifact_that_is_already_there_stays_and_an_altered_one_is_refused(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure, tmp_path: Path
) -> None:
    config = run_config()
    manifest = publish(linear, config, 1437, digits[1], silent)
    folder = published(config, manifest)
    shutil.copytree(folder, tmp_path / "again")
    assert move_into_place(tmp_path / "again", Path(config.output), str(manifest.digest)) == folder
    (folder / "card.md").write_text("altered")
    with pytest.raises(InvalidInput, match=r"card\.md: file was altered"):
        move_into_place(tmp_path / "again", Path(config.output), str(manifest.digest))


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second disk at /dev/shm")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_an_output_on_another_disk_gets_a_whole_artifact(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure, other_disk: Path
) -> None:
    config = run_config(output=str(other_disk / "models"))
    manifest = publish(linear, config, 1437, digits[1], silent)
    assert read_artifact(published(config, manifest), manifest.digest) == manifest
    assert [p.name for p in Path(config.output).iterdir()] == [published(config, manifest).name]


def test_another_disk_that_fills_up_while_copying_gets_nothing(tmp_path: Path, other_disk: Path) -> None:
    (tmp_path / "sealed" / "reports").mkdir(parents=True)
    (tmp_path / "sealed" / "reports" / "large.png").write_bytes(b"x" * 10_000)
    with largest_file(500), pytest.raises(Unavailable, match="disk is full"), staging(tmp_path / "run"):
        move_into_place(tmp_path / "sealed", other_disk, "sha256:" + "0" * 64)
    assert list(other_disk.iterdir()) == []


def test_a_diverged_model_is_an_error_that_names_the_learning_rate(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    diverged = copy.deepcopy(linear)
    with torch.no_grad():
        next(iter(diverged.network.parameters())).fill_(float("nan"))
    with pytest.raises(InvalidInput, match=r"default/digits: spec\.optimization\.learningRate: training diverged"):
        publish(diverged, run_config(), 1437, digits[1], silent)


def test_no_held_out_record_is_an_error_that_names_the_split(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.dataset\.split\.evaluation"):
        publish(linear, run_config(), 1437, digits[1].take(np.arange(0)), silent)


def test_a_graph_that_differs_from_the_network_is_refused(
    linear: TrainedModel, digits: tuple[Records, Records], run_config: Configure
) -> None:
    config = run_config()
    folder = published(config, publish(linear, config, 1437, digits[1], silent))
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with pytest.raises(Refused, match="does not compute what the trained network computes"):
        parity.require_parity(folder / "model.onnx", linear.preprocessing, other, digits[1].x)
