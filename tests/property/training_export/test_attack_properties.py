"""Whatever the record, norm, radius and bounds: an adversarial version stays inside, and more radius never helps the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from moorage_api.robustness import Norm, RobustnessEvaluation
from moorage_training.evaluation.attacks.attack import FloatArray, ScaledSpace
from moorage_training.evaluation.attacks.gradient import gradient_attack
from moorage_training.evaluation.attacks.select import LOSSES, attacks_for
from moorage_training.evaluation.attacks.square import share_of, square
from moorage_training.evaluation.robustness import robust_accuracy

CLASSES = 3


@dataclass(frozen=True)
class Case:
    network: nn.Module
    x: np.ndarray
    y: np.ndarray
    space: ScaledSpace
    norm: Norm
    radius: float
    seed: int

    def scores(self, x: FloatArray) -> FloatArray:
        with torch.no_grad():
            return self.network(torch.from_numpy(np.ascontiguousarray(x))).numpy()

    logits = scores


@st.composite
def cases(draw: st.DrawFn) -> Case:
    shape = draw(st.sampled_from([(1,), (5,), (1, 8, 8), (3, 9, 11), (2, 1, 3)]))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    size = int(np.prod(shape))
    network = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.ReLU(), nn.Linear(8, CLASSES)).eval()
    bounded = draw(st.booleans())
    x = rng.random((draw(st.integers(1, 6)), *shape)).astype(np.float32)
    attackable = rng.random(shape) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    space = ScaledSpace(
        lower=np.full(shape, 0.0 if bounded else -np.inf, dtype=np.float32),
        upper=np.full(shape, 1.0 if bounded else np.inf, dtype=np.float32),
        attackable=attackable,
    )
    y = rng.integers(0, CLASSES, len(x))
    return Case(network, x, y, space, draw(st.sampled_from(["Linf", "L2"])), draw(st.sampled_from([1e-3, 0.1, 1.0, 10.0])), seed)


def assert_inside(case: Case, found: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert found.shape == case.x.shape
    delta = (found.astype(np.float64) - case.x).reshape(len(case.x), -1)
    sizes = np.abs(delta).max(axis=1) if case.norm == "Linf" else np.linalg.norm(delta, axis=1)
    assert (sizes <= case.radius * (1 + 1e-5) + 1e-6).all()
    assert (found >= case.space.lower).all()
    assert (found <= case.space.upper).all()
    assert (found == case.x)[:, ~case.space.attackable].all()


@given(cases(), st.sampled_from(sorted(LOSSES)), st.booleans())
@settings(max_examples=40, deadline=None)
def test_gradient_attacks_stay_inside(case: Case, loss: str, random_start: bool) -> None:
    asked = RobustnessEvaluation(norm=case.norm, radius=case.radius, steps=5)
    perturb = gradient_attack(case.network, LOSSES[loss], asked, case.space, seed=case.seed, random_start=random_start)
    assert_inside(case, perturb(case.x, case.y, case.radius))


@given(cases(), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_square_stays_inside_and_within_its_queries(case: Case, queries: int) -> None:
    asked = 0

    def counted(x: FloatArray) -> FloatArray:
        nonlocal asked
        asked += 1
        return case.scores(x)

    space = case.space
    found = square(
        counted,
        case.x,
        case.y,
        norm=case.norm,
        radius=case.radius,
        lower=space.lower,
        upper=space.upper,
        attackable=space.attackable,
        queries=queries,
        rng=np.random.default_rng(case.seed),
    )
    assert_inside(case, found)
    assert 1 <= asked <= queries


@given(cases())
@settings(max_examples=12, deadline=None)
def test_robust_accuracy_never_exceeds_accuracy_and_never_rises_with_the_radius(case: Case) -> None:
    asked = RobustnessEvaluation(norm=case.norm, radius=case.radius, steps=3, restarts=2)
    radii = [case.radius, case.radius / 2, case.radius * 2]
    attacks = attacks_for(asked, case.network, case, case.space, case.seed)
    found = robust_accuracy(case, attacks, case.x, case.y, radii)
    worst = [found.clean, *found.worst.values()]
    assert worst == sorted(worst, reverse=True)
    assert 0.0 <= worst[-1] <= worst[0] <= 1.0
    for by_radius in found.by_attack.values():
        assert all(found.worst[radius] <= alone <= found.clean for radius, alone in by_radius.items())


@given(st.integers(2, 5000), st.data())
@settings(deadline=None)
def test_the_changed_share_never_grows(queries: int, data: st.DataObject) -> None:
    query = data.draw(st.integers(1, queries - 1))
    assert 0 < share_of(query, queries) <= share_of(query - 1, queries) <= 0.8
