"""The exported graph computes what torch computes, holds the weights by name, and is the same bytes each time."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from moorage_api.artifact import InputFeature, Signature
from moorage_api.data_source import Columns, FeatureColumn
from moorage_api.task import Task
from moorage_training.evaluation.served import ServedModel
from moorage_training.export.onnx import export_onnx, load_weights, network_half, read_weights
from moorage_training.networks import build_network
from moorage_training.preprocessing import Preprocessing, fit_preprocessing
from moorage_training.records import Records

TABLE = Signature(
    input="features",
    shape=[4],
    features=[
        InputFeature(name="age", type="Number"),
        InputFeature(name="colour", type="Category", categories=["red", "green", "blue"]),
        InputFeature(name="income", type="Number"),
        InputFeature(name="debt", type="Number"),
    ],
    accepts_missing=True,
    classes=["no", "yes"],
)
TABLE_ROWS = np.array([[30, 0, np.nan, 1], [np.nan, 2, 900, -5], [200, 1, 0.5, np.nan]], dtype=np.float32)


COLUMNS = Columns(
    label="label",
    features=[
        FeatureColumn(name="age", minimum=0.0, maximum=100.0, fill=40.0),
        FeatureColumn(name="colour", type="Category", categories=["red", "green", "blue"]),
        FeatureColumn(name="income"),
        FeatureColumn(name="debt", minimum=-1.0, maximum=1.0),
    ],
    missing="Fill",
)


def table_scaling() -> Preprocessing:
    return fit_preprocessing(Records(TABLE_ROWS, np.array([0, 1, 0]), TABLE), COLUMNS, False)


def images(channels: int, side: int) -> tuple[Signature, Preprocessing, np.ndarray]:
    shape = [channels, side, side]
    signature = Signature(input="image", shape=shape, minimum=0.0, maximum=255.0, classes=["a", "b", "c"])
    raw = np.random.default_rng(0).uniform(-5, 260, (3, *shape)).astype(np.float32)
    scaling = fit_preprocessing(Records(raw, np.array([0, 1, 2]), signature), None, False)
    return signature, scaling, raw


def case(model: Any, private: bool) -> tuple[Signature, Preprocessing, nn.Module, np.ndarray]:
    if model in ("Linear", "MLP"):
        signature, scaling, raw = TABLE, table_scaling(), TABLE_ROWS
    else:
        signature, scaling, raw = images(3, 32) if model == "ResNet50" else images(1, 8)
    kind = "TabularClassification" if signature.input == "features" else "ImageClassification"
    network = build_network(Task(type=kind, model=model), signature, scaling.scaled_shape, private).eval()
    return signature, scaling, network, raw


@dataclass(frozen=True)
class Exported:
    scaling: Preprocessing
    network: nn.Module
    raw: np.ndarray
    path: Path

    def scaled(self) -> torch.Tensor:
        with torch.no_grad():
            return self.scaling(torch.from_numpy(self.raw))

    def logits(self) -> np.ndarray:
        with torch.no_grad():
            return self.network(self.scaled()).numpy()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """One export of each model; ResNet50 takes seconds."""

    @functools.cache
    def export(model: str) -> Exported:
        signature, scaling, network, raw = case(model, private=model == "CNN")
        path = tmp_path_factory.mktemp(model) / "model.onnx"
        export_onnx(scaling, network, signature, path)
        return Exported(scaling, network, raw, path)

    return export


@pytest.mark.parametrize("model", ["Linear", "MLP", "CNN", "ResNet50"])
def test_the_graph_computes_what_torch_computes(exported: Callable[[str], Exported], model: str) -> None:
    made = exported(model)
    assert [p.name for p in made.path.parent.iterdir()] == ["model.onnx"]
    expected = made.logits()
    scale = max(1.0, float(np.abs(expected).max()))
    for records in (1, len(made.raw)):
        found = ServedModel(made.path).logits(made.raw[:records])
        assert np.abs(found - expected[:records]).max() <= 1e-4 * scale
    half = ServedModel(network_half(made.path)).logits(made.scaled().numpy())
    assert np.abs(half - expected).max() <= 1e-4 * scale


@pytest.mark.parametrize("model", ["MLP", "CNN", "ResNet50"])
def test_the_weights_come_back_exactly(exported: Callable[[str], Exported], model: str) -> None:
    made = exported(model)
    emptied = copy.deepcopy(made.network)
    with torch.no_grad():
        for tensor in emptied.state_dict().values():
            tensor.fill_(7)
    load_weights(emptied, read_weights(made.path))
    with torch.no_grad():
        assert torch.equal(emptied(made.scaled()), made.network(made.scaled()))


def test_a_weight_that_the_graph_lacks_is_named(exported: Callable[[str], Exported]) -> None:
    weights = read_weights(exported("Linear").path)
    missing = sorted(weights)[0]
    del weights[missing]
    with pytest.raises(KeyError, match=missing):
        load_weights(copy.deepcopy(exported("Linear").network), weights)


def test_the_graph_is_named_typed_valid_and_holds_no_path(exported: Callable[[str], Exported]) -> None:
    path = exported("MLP").path
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.type, source.shape[1:]) == ("features", "tensor(float)", [4])
    assert (target.name, target.type, target.shape[1:]) == ("logits", "tensor(float)", [2])
    assert isinstance(source.shape[0], str)
    assert isinstance(target.shape[0], str)
    assert b"site-packages" not in path.read_bytes()
    assert b".py" not in path.read_bytes()


def test_the_same_weights_give_the_same_bytes(exported: Callable[[str], Exported], tmp_path: Path) -> None:
    made = exported("CNN")
    signature, _, _ = images(1, 8)
    export_onnx(copy.deepcopy(made.scaling), copy.deepcopy(made.network), signature, tmp_path / "again.onnx")
    assert made.path.read_bytes() == (tmp_path / "again.onnx").read_bytes()
