"""Which model a ModelService gets."""

from datetime import UTC, datetime

from moorage_api.conditions import with_condition
from moorage_api.manifest import parse_resource
from moorage_api.model_choice import Deployed, choose_model, rollout
from moorage_api.training_job import TrainingJobStatus

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GOOD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
EARLIER = Deployed(uri="/models/good", digest=GOOD, revision=3, generation=1)


def service(model=None):
    return parse_resource(
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "ModelService",
            "metadata": {"name": "s", "generation": 1},
            "spec": {"model": model or {"trainingJob": "j"}, "access": {"tenants": ["t"]}},
        },
        "test",
    )


def job(succeeded=None, gates=None, reason="R"):
    found = parse_resource(
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": "j", "generation": 1},
            "spec": {"dataset": {"name": "d"}, "task": {"type": "TabularClassification"}, "optimization": {"steps": 1}},
        },
        "test",
    )
    conditions = []
    for type_, truth in (("Succeeded", succeeded), ("GatesPassed", gates)):
        if truth is not None:
            conditions = with_condition(conditions, type_, truth, reason, "because", generation=1, now=NOW)
    status = TrainingJobStatus.from_wire(
        {
            "model": {"uri": "/models/new", "digest": NEW},
            "gates": [{"gate": {"metric": "accuracy", "minimum": 0.9}, "value": 0.88, "passed": False}],
        }
    )
    return found.model_copy(update={"status": status.model_copy(update={"conditions": conditions})})


def test_a_model_that_passed_its_gates_is_served():
    choice = choose_model(service(), job("True", "True"), EARLIER)
    assert (choice.uri, choice.digest, choice.final) == ("/models/new", NEW, True)


def test_a_failed_gate_refuses_the_model_and_says_by_how_much():
    choice = choose_model(service(), job("True", "False"), None)
    assert choice.uri is None
    assert choice.final
    assert "accuracy 0.88 is below minimum 0.9 by 0.02" in choice.message


def test_the_earlier_good_model_stays_when_the_new_one_is_refused_fails_or_is_not_ready():
    for succeeded, gates, final in (("True", "False", True), ("False", None, True), (None, None, False)):
        choice = choose_model(service(), job(succeeded, gates), EARLIER)
        assert (choice.uri, choice.digest, choice.final) == (EARLIER.uri, GOOD, final)
        assert "the earlier model" in choice.message


def test_a_pinned_artifact_needs_no_job():
    choice = choose_model(service({"uri": "/models/pinned", "digest": NEW}), None, None)
    assert (choice.uri, choice.digest) == ("/models/pinned", NEW)


def test_the_revision_counts_models_and_specs():
    passed = choose_model(service(), job("True", "True"), EARLIER)
    after = rollout(EARLIER, passed, 1)
    assert after is not None
    assert (after.revision, after.digest) == (4, NEW)
    assert rollout(after, passed, 1) is after
    assert rollout(after, passed, 2).revision == 5
    assert rollout(EARLIER, choose_model(service(), None, None), 1) is EARLIER
