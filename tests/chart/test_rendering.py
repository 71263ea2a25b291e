"""Whatever values are given, what comes out is what an API server takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from chart.make_schemas import file_name
from chart.rendering import (
    CHART,
    KUBERNETES,
    MONITORING,
    Manifest,
    Refused,
    forget_what_was_rendered,
    program,
    read_strictly,
    render,
    render_text,
    run_helm,
)
from chart.value_sets import VALUE_SETS
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

SCHEMAS = Path(__file__).parent / "schemas"
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


def _schema(path: Path) -> Resource[Any]:
    return DRAFT7.create_resource(json.loads(path.read_text()))


REGISTRY: Registry[Any] = Registry().with_resources((path.name, _schema(path)) for path in SCHEMAS.glob("*/*.json"))


def problems(manifest: Manifest) -> list[str]:
    """What a strict API server would not take."""
    name = file_name(manifest["apiVersion"], manifest["kind"])
    validator = jsonschema.Draft7Validator({"$ref": name}, registry=REGISTRY)
    where = f"{manifest['kind']}/{manifest['metadata']['name']}"
    return [f"{where}: {error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
@pytest.mark.parametrize("api_versions", [[], [MONITORING]], ids=["bare", "prometheus-operator"])
def test_every_manifest_is_valid(values: dict[str, Any], api_versions: list[str]) -> None:
    manifests = render(values, api_versions=api_versions)
    assert [problem for manifest in manifests for problem in problems(manifest)] == []


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_kubeconform_takes_every_manifest(values: dict[str, Any]) -> None:
    file = "{{.ResourceKind}}{{.KindSuffix}}.json"
    locations = [argument for folder in ("kubernetes", "monitoring") for argument in ("-schema-location", f"{SCHEMAS}/{folder}/{file}")]
    text = render_text(values, api_versions=[MONITORING])
    done = subprocess.run(
        [program("kubeconform"), "-strict", "-summary", *locations], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert "Skipped: 0" in done.stdout


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_every_object_is_named_once_and_says_where_it_is(values: dict[str, Any]) -> None:
    keys = []
    for manifest in render(values, api_versions=[MONITORING]):
        kind, metadata = manifest["kind"], manifest["metadata"]
        assert ("namespace" not in metadata) == (kind in CLUSTER_SCOPED), f"{kind}/{metadata['name']}"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert kind != "Secret"
        keys.append((kind, metadata.get("namespace"), metadata["name"]))
    assert len(keys) == len(set(keys))


def test_the_same_values_give_the_same_text() -> None:
    values = VALUE_SETS["everything"]
    first = render_text(values)
    forget_what_was_rendered()
    assert render_text(values) == first


def test_an_upgrade_renders_what_an_install_does() -> None:
    assert render_text() == render_text(is_upgrade=True)


def test_a_wrong_manifest_would_be_noticed() -> None:
    manifest = next(m for m in render() if m["kind"] == "Deployment")
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    assert any("imagePullPolice" in problem for problem in problems(manifest))
    with pytest.raises(Exception, match="written twice: a"):
        read_strictly("a: 1\na: 2\n")


@pytest.mark.parametrize("name", ["default", "everything"])
def test_lint_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    given = tmp_path / "values.yaml"
    given.write_text(json.dumps(VALUE_SETS[name]))
    assert lint(CHART, "--values", str(given)) == []


def test_lint_has_nothing_to_say_of_the_chart_within() -> None:
    assert lint(CHART / "charts/kuberay-operator") == []


def lint(chart: Path, *arguments: str) -> list[str]:
    """What `helm lint --strict` finds, but for the wish for an icon."""
    done = run_helm("lint", "--strict", "--kube-version", KUBERNETES, *arguments, str(chart))
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("[") and "icon is recommended" not in line]


@pytest.mark.parametrize(("kubernetes", "taken"), [("1.28.15", False), ("1.29.0", True), ("1.31.4-gke.100", True)])
def test_native_sidecars_are_required(kubernetes: str, taken: bool) -> None:
    if taken:
        render(kubernetes=kubernetes)
    else:
        with pytest.raises(Refused, match=r"requires kubeVersion: >=1\.29"):
            render(kubernetes=kubernetes)


def test_a_package_renders_alike(tmp_path: Path) -> None:
    done = run_helm("package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    values = VALUE_SETS["kuberay"]
    assert render_text(values, chart=package) == render_text(values)


def test_other_names_and_namespaces() -> None:
    for manifest in render({"kuberay": {"enabled": True}}, release="blue.green", namespace="elsewhere"):
        assert manifest["metadata"].get("namespace", "elsewhere") == "elsewhere"
        if manifest["kind"] != "CustomResourceDefinition":
            assert manifest["metadata"]["name"].startswith("blue-green")
