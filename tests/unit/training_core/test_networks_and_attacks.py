"""Preprocessing, networks and attacks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from moorage_api.artifact import InputFeature, Signature
from moorage_api.data_source import Columns, FeatureColumn
from moorage_api.errors import InvalidInput
from moorage_api.task import Task
from moorage_training.adversarial import fgsm, pgd
from moorage_training.adversarial.draws import RecordDraws, SequenceDraws
from moorage_training.loop.record_loss import balanced_class_weights, record_loss
from moorage_training.networks import build_network
from moorage_training.preprocessing import fit_preprocessing
from moorage_training.privacy.record_gradients import RecordGradients
from moorage_training.privacy.supported_layers import require_per_record_gradients
from moorage_training.records import Records


def table() -> tuple[Records, Columns]:
    features = [FeatureColumn(name="age", minimum=0, maximum=100), FeatureColumn(name="town", type="Category", categories=["a", "b", "c"])]
    features.append(FeatureColumn(name="size"))
    signature = Signature(
        input="features",
        shape=[3],
        features=[InputFeature(name=f.name, type=f.type, categories=f.categories) for f in features],
        accepts_missing=True,
        classes=["n", "y"],
    )
    x = np.array([[50, 2, 1], [np.nan, 0, 3], [200, 1, np.nan]], dtype=np.float32)
    return Records(x, np.array([0, 1, 0]), signature), Columns(label="l", features=features, missing="Fill")


def test_tables_are_filled_clamped_scaled_and_one_hot():
    records, columns = table()
    scaling = fit_preprocessing(records, columns, private=False)
    scaled = scaling(torch.from_numpy(records.x))
    expected = [[0.5, -1, 0, 0, 1], [0.5, 1, 1, 0, 0], [1.0, 0, 0, 1, 0]]
    torch.testing.assert_close(scaled, torch.tensor(expected))
    assert scaling.scaled_shape == (5,)
    assert scaling.attackable.tolist() == [1, 1, 0, 0, 0]
    assert scaling.lower.tolist() == [0, -np.inf, 0, 0, 0]
    assert scaling.upper.tolist() == [1, np.inf, 1, 1, 1]
    assert scaling.summary() == {"fill": [50, 2], "shift": [0, 2], "scale": [pytest.approx(0.01), 1]}


def test_private_preprocessing_is_the_same_whatever_the_records():
    records, columns = table()
    bounded = [f if f.type == "Category" else f.model_copy(update={"minimum": 0.0, "maximum": 10.0}) for f in columns.features]
    columns = columns.model_copy(update={"features": bounded})
    other = Records(records.x[:1] * 0 + 1, records.y[:1], records.signature)
    one, two = (fit_preprocessing(r, columns, private=True).state_dict() for r in (records, other))
    for name in one:
        torch.testing.assert_close(one[name], two[name])


@pytest.mark.parametrize("model", ["CNN", "ResNet50"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 20)])
def test_image_networks_take_any_shape_and_have_per_record_gradients(model, shape):
    signature = Signature(input="image", shape=list(shape), minimum=0, maximum=1, classes=["a", "b", "c"])
    torch.manual_seed(1)  # float32 rounding of a deep network now and then exceeds any tolerance
    network = build_network(Task(type="ImageClassification", model=model), signature, shape, private=True)
    gradients = RecordGradients(network, 1.0)
    x, y = torch.rand(2, *shape), torch.tensor([0, 2])
    rows, _ = gradients.per_record([(1.0, lambda: record_loss()(gradients.module(x), y))])
    alone, _ = gradients.per_record([(1.0, lambda: record_loss()(gradients.module(x[1:]), y[1:]))])
    assert rows.shape == (2, gradients.size)
    torch.testing.assert_close(rows[1:], alone, rtol=1e-3, atol=1e-4)


def test_batch_normalisation_is_refused_by_name_under_privacy():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    with pytest.raises(InvalidInput, match=r"layer '1' \(BatchNorm2d\) cannot be trained with privacy"):
        require_per_record_gradients(network)


def test_images_that_are_too_small_for_a_cnn():
    signature = Signature(input="image", shape=[1, 4, 4], classes=["a", "b"])
    with pytest.raises(InvalidInput, match="at least 8x8"):
        build_network(Task(type="ImageClassification", model="CNN"), signature, (1, 4, 4), private=False)


def binary(weights: list[float]) -> nn.Module:
    network = nn.Linear(len(weights), 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.0] * len(weights), weights]))
    return network


SPACE = {"lower": None, "upper": None, "attackable": None, "loss": record_loss()}


def test_attacks_on_a_linear_model_find_the_worst_point():
    """There it is known: radius x sign of the weights, or along the weights, against the label."""
    network, x, y = binary([3.0, -4.0]), torch.zeros(2, 2), torch.tensor([1, 0])
    settings = {"radius": 0.5, "steps": 20, "step_size": 0.1, "start": SequenceDraws(0, torch.device("cpu"))}
    linf = pgd(network, x, y, norm="Linf", **settings, **SPACE)
    torch.testing.assert_close(linf, torch.tensor([[-0.5, 0.5], [0.5, -0.5]]))
    l2 = pgd(network, x, y, norm="L2", **settings, **SPACE)
    torch.testing.assert_close(l2, torch.tensor([[-0.3, 0.4], [0.3, -0.4]]), atol=0.02, rtol=0)
    one_step = fgsm(network, x, y, norm="L2", radius=0.5, **SPACE)
    torch.testing.assert_close(one_step, torch.tensor([[-0.3, 0.4], [0.3, -0.4]]))


def test_bounds_and_categories_hold():
    network, x, y = binary([3.0, -4.0, 5.0]), torch.tensor([[0.2, 0.9, 1.0]]), torch.tensor([1])
    space = {**SPACE, "lower": torch.zeros(3), "upper": torch.ones(3), "attackable": torch.tensor([1.0, 1.0, 0.0])}
    attacked = pgd(network, x, y, norm="Linf", radius=0.5, steps=10, step_size=0.2, start=None, **space)
    torch.testing.assert_close(attacked, torch.tensor([[0.0, 1.0, 1.0]]))


def test_a_records_attack_does_not_depend_on_other_records():
    signature = Signature(input="image", shape=[1, 8, 8], classes=["a", "b"])
    # In double precision, or a gradient that is nearly zero may change its sign with the order in which a batch is added up.
    network = build_network(Task(type="ImageClassification", model="ResNet50"), signature, (1, 8, 8), private=False).double()
    x, y = torch.rand(3, 1, 8, 8, dtype=torch.double), torch.tensor([0, 1, 0])
    settings = {"norm": "L2", "radius": 0.1, "steps": 2, "step_size": 0.05}
    together = pgd(network, x, y, start=RecordDraws(0, 5, np.array([7, 8, 9])), **settings, **SPACE)
    alone = pgd(network, x[:1], y[:1], start=RecordDraws(0, 5, np.array([7])), **settings, **SPACE)
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=0)
    assert network.training


def test_balanced_weights_have_mean_one_over_the_records():
    y = np.array([0] * 90 + [2] * 10)
    weights = balanced_class_weights(y, 3)
    assert weights[1] == 0
    assert weights[y].mean() == pytest.approx(1)
    assert weights[2] == pytest.approx(9 * weights[0])
