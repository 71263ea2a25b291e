"""The card states facts, escapes what users typed, and says what epsilon does not cover."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from moorage_api.artifact import ArtifactManifest, InputFeature, Provenance, Signature
from moorage_api.gates import Gate, judge
from moorage_api.privacy import Privacy, PrivacyMechanism, PrivacySpend
from moorage_api.robustness import Adversarial, RobustnessEvaluation
from moorage_api.run_config import RunConfig
from moorage_training.evaluation.evaluate import ModelEvaluation, RobustnessFindings
from moorage_training.evaluation.metrics import classifier_metrics
from moorage_training.evaluation.robustness import RobustAccuracy, SanityCheck
from moorage_training.export.card import render_card
from moorage_training.export.markdown import escape

HOSTILE = "a|b\n\n# <script>alert(1)</script> ![x](http://evil) `code` *bold*"
SPEND = PrivacySpend(
    epsilon_spent=2.987,
    delta=1e-5,
    accountant="PRV",
    mechanism=PrivacyMechanism(sampling_rate=0.05, noise_multiplier=1.25, steps=400),
)
TABLE = Signature(
    input="features",
    shape=[2],
    features=[InputFeature(name=HOSTILE, type="Number"), InputFeature(name="colour", type="Category", categories=["r", HOSTILE])],
    accepts_missing=True,
    classes=["no", HOSTILE],
)


def findings(passed: bool = True, fully_attackable: bool = True) -> RobustnessFindings:
    worst = {0.05: 0.8, 0.1: 0.6}
    accuracy = RobustAccuracy(200, 0.9, {"PGD": {0.05: 0.82, 0.1: 0.61}, "Square": {0.05: 0.85, 0.1: 0.7}}, worst)
    settings = RobustnessEvaluation(attacks=["PGD", "Square"], radius=0.1)
    return RobustnessFindings(settings, accuracy, SanityCheck(1.0, 0.0 if passed else 0.7, 0.5), fully_attackable)


def card(run_config: Callable[..., RunConfig], robustness: RobustnessFindings | None = None, **fields: Any) -> str:
    logits = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]], dtype=np.float32)
    measured = ModelEvaluation(360, classifier_metrics(logits, np.array([0, 1, 1])), robustness)
    config = run_config(privacy=Privacy(epsilon=3.0, delta=1e-5, max_grad_norm=0.7) if fields.get("privacy") else None)
    facts: dict[str, Any] = {
        "name": "digits",
        "task": config.task,
        "signature": TABLE,
        "preprocessing": {},
        "metrics": measured.values,
        "privacy": None,
        "adversarial": None,
        "robustness": None,
        "gates": [],
        "gates_passed": True,
        "provenance": Provenance(
            job=config.job,
            dataset=HOSTILE,
            records=1437,
            created_at="2026-01-02T03:04:05Z",
            moorage_version="0.1.0",
            torch_version="2.15.0",
            seed=7,
        ),
        "files": {},
    }
    return render_card(ArtifactManifest(**(facts | fields)), config, measured, history=True)


def test_what_a_user_typed_stays_one_line_of_literal_text(run_config: Callable[..., RunConfig]) -> None:
    text = card(run_config)
    assert escape(HOSTILE) in text
    assert "<script>" not in text.replace(r"\<script", "")
    assert not re.search(r"(?<!\\)!\[x", text)
    for line in text.splitlines():
        if escape("<script>") in line and line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5


def test_the_privacy_section_says_what_epsilon_covers_and_what_not(run_config: Callable[..., RunConfig]) -> None:
    text = card(run_config, privacy=SPEND)
    for fact in ("| epsilon | 2.9870 |", "| delta | 1e-05 |", "| accountant | PRV |", "| sampling rate | 0.05 |"):
        assert fact in text
    for fact in ("| noise multiplier | 1.25 |", "| steps | 400 |", "| clipping norm | 0.7, flat, per record |"):
        assert fact in text
    assert "Epsilon covers the 1437 training records" in text
    assert "Epsilon does **not** cover the 360 held-out records" in text
    assert "without differential privacy" in card(run_config)


def test_robustness_is_a_table_by_attack_and_radius(run_config: Callable[..., RunConfig]) -> None:
    text = card(run_config, findings(), adversarial=Adversarial(radius=0.1))
    assert "| radius | PGD | Square | worst of all |" in text
    assert "| 0.05 | 0.820 | 0.850 | 0.800 |" in text
    assert "| **0.1** | 0.610 | 0.700 | 0.600 |" in text
    assert "Sanity check passed" in text
    assert "categories are not perturbed" not in text
    assert "PGD, Linf radius 0.1 in the scaled input space, 7 steps" in text


def test_a_failed_sanity_check_and_fixed_categories_are_said_plainly(run_config: Callable[..., RunConfig]) -> None:
    text = card(run_config, findings(passed=False, fully_attackable=False))
    assert "**Sanity check failed**" in text
    assert "categories are not perturbed" in text


def test_gates_are_sentences(run_config: Callable[..., RunConfig]) -> None:
    gates = judge([Gate(metric="accuracy", minimum=0.9)], {"accuracy": 0.88})
    text = card(run_config, gates=gates, gates_passed=False)
    assert "- **failed**: accuracy 0.88 is below minimum 0.9 by 0.02" in text
    assert "did not pass its gates" in text


def test_the_example_call_names_the_right_tensor_and_runs(run_config: Callable[..., RunConfig]) -> None:
    image = Signature(input="image", shape=[3, 32, 32], minimum=0.0, maximum=255.0, classes=["a", "b"])
    for signature, name, shape in ((TABLE, "features", [1, 2]), (image, "image", [1, 3, 32, 32])):
        text = card(run_config, signature=signature)
        (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        names: dict[str, Any] = {}
        exec("\n".join(line for line in code.splitlines() if line.startswith(("record", "tensor"))), names)
        assert names["tensor"]["name"] == name
        assert names["tensor"]["shape"] == shape
        assert len(names["tensor"]["data"]) == np.prod(shape)


def test_a_thousand_classes_and_features_do_not_flood_the_card(run_config: Callable[..., RunConfig]) -> None:
    wide = Signature(
        input="features",
        shape=[1000],
        features=[InputFeature(name=f"f{i}", type="Number") for i in range(1000)],
        classes=[f"c{i}" for i in range(1000)],
    )
    text = card(run_config, signature=wide)
    assert "950 more (model.json)" in text
    assert "950 more features are listed in model.json" in text
    assert len(text) < 10_000
    assert "\n\n\n" not in text
