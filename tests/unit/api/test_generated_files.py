"""crds/ and docs/reference/ are what the models say, and what they say is complete and bounded."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import moorage_api
from moorage_api.base import ApiModel
from moorage_api.crd.__main__ import generate, main
from moorage_api.crd.definition import NAMES, custom_resource_definition, resource_schema

ROOT = Path(__file__).parents[3]
KINDS = sorted(NAMES)


def schemas_in(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in `schema`, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from schemas_in(child, f"{path}.{name}".lstrip("."))
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from schemas_in(schema[key], f"{path}[]")


def all_models() -> list[type[ApiModel]]:
    """Every model of the API, found by importing every module of it."""
    for module in pkgutil.iter_modules(moorage_api.__path__, "moorage_api."):
        importlib.import_module(module.name)
    found: list[type[ApiModel]] = []
    waiting = [ApiModel]
    while waiting:
        for model in waiting.pop().__subclasses__():
            waiting.append(model)
            if model.__module__.startswith("moorage_api"):
                found.append(model)
    return found


def test_the_committed_files_are_what_the_models_generate(tmp_path: Path) -> None:
    written = generate(tmp_path / "crds", tmp_path / "docs/reference")
    assert len(written) == 2 * len(KINDS)
    for folder in ("crds", "docs/reference"):
        fresh = {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        committed = {path.name: path.read_bytes() for path in (ROOT / folder).iterdir()}
        assert fresh == committed, f"{folder}/ is stale: run `make generate` and commit the result"


def test_the_same_models_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (generate(tmp_path / name, tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_command_says_how_it_is_used_and_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("moorage.dev_") == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_in_a_schema_is_bounded_and_described(kind: str) -> None:
    for path, schema in schemas_in(resource_schema(kind)):
        bound = {"string": "maxLength", "array": "maxItems", "integer": "maximum"}.get(schema["type"])
        if "additionalProperties" in schema:
            bound = "maxProperties"
        assert bound is None or bound in schema or "enum" in schema, path
        is_field = path and not path.endswith("[]") and not path.startswith("metadata")
        assert not is_field or schema.get("description"), path


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_points_to_a_field_and_says_something_on_one_line(kind: str) -> None:
    for path, schema in schemas_in(resource_schema(kind)):
        for rule in schema.get("x-kubernetes-validations", []):
            target = schema
            for part in rule["fieldPath"].strip(".").split("."):
                assert part in target["properties"], (path, rule)
                target = target["properties"][part]
            words = rule.get("message") or rule["messageExpression"]
            assert words
            assert "\n" not in words


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.__name__)
def test_every_field_of_every_model_says_what_it_is(model: type[ApiModel]) -> None:
    assert model.__doc__
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("kind", "short", "scope"),
    [
        ("Dataset", "dset", "Namespaced"),
        ("ModelService", "msvc", "Namespaced"),
        ("PricePlan", "plan", "Cluster"),
        ("Tenant", "tnt", "Cluster"),
        ("TrainingJob", "tj", "Namespaced"),
    ],
)
def test_a_definition_has_names_scope_columns_and_subresources(kind: str, short: str, scope: str) -> None:
    spec = custom_resource_definition(kind)["spec"]
    version = spec["versions"][0]
    assert (spec["scope"], spec["names"]["shortNames"], spec["names"]["categories"]) == (scope, [short], ["moorage"])
    assert version["subresources"]["status"] == {}
    assert ("scale" in version["subresources"]) == (kind == "ModelService")
    paths = {path for path, _ in schemas_in(version["schema"]["openAPIV3Schema"])}
    for column in version["additionalPrinterColumns"]:
        path = re.sub(r"\[\?.*\]", "[]", column["jsonPath"]).strip(".")
        named = path in paths or path.startswith(("metadata.", "status.metrics."))
        assert named, f"column {column['name']} shows {path}, which is not in the schema"


def test_the_scale_subresource_points_to_numbers() -> None:
    version = custom_resource_definition("ModelService")["spec"]["versions"][0]
    schemas = dict(schemas_in(version["schema"]["openAPIV3Schema"]))
    scale = version["subresources"]["scale"]
    assert schemas[scale["specReplicasPath"].strip(".")]["type"] == "integer"
    assert schemas[scale["statusReplicasPath"].strip(".")]["type"] == "integer"
    assert schemas[scale["labelSelectorPath"].strip(".")]["type"] == "string"


PROMISED = {
    "TrainingJob": """
        tenant dataset.name dataset.uri dataset.format dataset.columns dataset.split dataset.augmentation dataset.deidentification
        task.type task.model task.pretrained task.adapter task.customClass
        optimization.epochs optimization.steps optimization.batchSize optimization.optimizer optimization.learningRate
        optimization.schedule optimization.precision optimization.earlyStopping optimization.seed optimization.search
        privacy.epsilon privacy.delta privacy.maxGradNorm privacy.accountant privacy.clipping privacy.unit
        adversarial.method adversarial.norm adversarial.radius adversarial.steps adversarial.stepSize adversarial.weight
        evaluation.metrics evaluation.robustness.attacks evaluation.robustness.radii evaluation.fairness.sensitiveColumn
        evaluation.privacyAudit evaluation.explanation gates[].metric gates[].minimum gates[].maximum
        export.format export.quantization export.distillation
        resources.workers resources.cpusPerWorker resources.memoryPerWorker resources.gpusPerWorker resources.nodePool resources.queue
        runPolicy.suspend runPolicy.backoffLimit runPolicy.activeDeadlineSeconds runPolicy.ttlSecondsAfterFinished
        output.uri image podTemplate""",
    "ModelService": """
        model.trainingJob model.uri model.digest replicas.min replicas.max replicas.targetOngoingRequests batching
        resources.nodePool access.tenants metering.durability explanation rollout.strategy rollout.gates""",
    "Dataset": "uri format columns privacyBudget.epsilon privacyBudget.delta unit",
    "Tenant": "namespaces plan budget.amount budget.onExceeded rateLimit",
    "PricePlan": """
        currency free subscription.fee subscription.period meters[].meter meters[].mode meters[].included
        meters[].tiers[].upTo meters[].tiers[].unitPrice""",
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_promised_field_is_lost(kind: str) -> None:
    paths = {path for path, _ in schemas_in(resource_schema(kind)["properties"]["spec"])}
    assert set(PROMISED[kind].split()) - paths == set()


def test_the_files_are_yaml_that_a_kubernetes_client_reads() -> None:
    for path in (ROOT / "crds").iterdir():
        assert yaml.safe_load(path.read_text())["kind"] == "CustomResourceDefinition"
