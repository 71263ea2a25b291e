"""Values: every one is explained, and a wrong one is refused with its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.rendering import CHART, Refused, render
from chart.value_sets import VALUE_SETS

WITHIN = CHART / "charts/kuberay-operator"
OPEN = {"/podSecurityContext", "/containerSecurityContext"}
"""Passed on as they are."""

BAD: list[tuple[dict[str, Any], str]] = [
    ({"ledger": {"persistance": {"size": "1Gi"}}}, "at '/ledger': additional properties 'persistance' not allowed"),
    ({"ledger": {"persistence": {"storageClass": "fast"}}}, "at '/ledger/persistence': additional properties 'storageClass' not allowed"),
    ({"operater": {}}, "additional properties 'operater' not allowed"),
    ({"operator": {"workers": 0}}, "at '/operator/workers': minimum: got 0, want 1"),
    ({"operator": {"workers": "16"}}, "at '/operator/workers': got string, want integer"),
    ({"operator": {"resources": {"limit": {"cpu": 1}}}}, "at '/operator/resources': additional properties 'limit' not allowed"),
    ({"operator": {"resources": {"limits": {"memory": "1GB"}}}}, "at '/operator/resources/limits/memory': '1GB' does not match pattern"),
    ({"operator": {"resources": None}}, "at '/operator': missing property 'resources'"),
    ({"workloads": {"queueSystem": "YuniKorn"}}, "at '/workloads/queueSystem': value must be one of 'Kueue', 'Volcano'"),
    ({"workloads": {"workerMemory": "4G"}}, "at '/workloads/workerMemory': '4G' does not match pattern"),
    ({"nodePools": {"default": None}}, "at '/nodePools': missing property 'default'"),
    ({"nodePools": {"gpu": {"hourlyPrice": 2.4}}}, "at '/nodePools/gpu/hourlyPrice': got number, want string"),
    ({"nodePools": {"gpu": {"hourlyPrice": "2,40"}}}, "at '/nodePools/gpu/hourlyPrice': '2,40' does not match pattern"),
    ({"nodePools": {"gpu": {"gpuResource": "nvidia.com/gpu"}}}, "at '/nodePools/gpu': additional properties 'gpuResource' not allowed"),
    ({"nodePools": {"gpu": {"cpuRequestFraction": 1.5}}}, "at '/nodePools/gpu/cpuRequestFraction': maximum: got 1.5, want 1"),
    ({"nodePools": {"Big_Pool": {}}}, "at '/nodePools': additional properties 'Big_Pool' not allowed"),
    ({"nodePools": {"cpu": {"runtimeClassName": "nvidia"}}}, "nodePools.cpu.runtimeClassName: is of GPU pods"),
    ({"watchNamespaces": ["Team A"]}, "at '/watchNamespaces/0': 'Team A' does not match pattern"),
    ({"images": {"operator": {"repository": "moorage@sha256:1"}}}, "at '/images/operator/repository'"),
    ({"images": {"runtime": {"digest": "sha256:abc"}}}, "at '/images/runtime/digest'"),
    ({"images": {"runtime": {"pullPolicy": "Sometimes"}}}, "at '/images/runtime/pullPolicy': value must be one of"),
    ({"ledger": {"administrators": "alice"}}, "at '/ledger/administrators': got string, want array"),
    (
        {"ledger": {"persistence": {"existingClaim": "a"}, "postgresql": {"existingSecret": "b"}}},
        "the ledger is in PostgreSQL or on a volume, not in both",
    ),
    ({"rbac": {"datasetsWrittenBy": "view"}}, "at '/rbac/datasetsWrittenBy': value must be one of 'edit', 'admin'"),
    ({"monitoring": {"interval": "often"}}, "at '/monitoring/interval': 'often' does not match pattern"),
    ({"monitoring": {"rules": {"serverErrorRatio": 5}}}, "at '/monitoring/rules/serverErrorRatio': maximum: got 5, want 1"),
    ({"kuberay": {"imag": {}}}, "at '/kuberay': additional properties 'imag' not allowed"),
    ({"kuberay": {"enabled": True, "image": {"name": "x"}}}, "at '/image': additional properties 'name' not allowed"),
    ({"kuberay": {"enabled": "yes"}}, "at '/kuberay/enabled': got string, want boolean"),
    ({"uninstall": {"force": "true"}}, "at '/uninstall/force': got string, want boolean"),
]


@pytest.mark.parametrize(("values", "message"), BAD, ids=[message for _, message in BAD])
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    assert message in str(refused.value)


@pytest.mark.parametrize("chart", [CHART, WITHIN], ids=lambda chart: chart.name)
def test_every_value_is_explained(chart: Path) -> None:
    """By a comment above it."""
    above, unexplained = "", []
    for line in (chart / "values.yaml").read_text().splitlines():
        key = re.match(r"^(  )?([A-Za-z]+):", line)
        if key and key[2] not in KUBERNETES_FIELDS and not above.strip().startswith("#"):
            unexplained.append(line)
        above = line
    assert unexplained == []


KUBERNETES_FIELDS = (
    "requests", "limits", "nodeSelector", "tolerations", "affinity", "podAnnotations", "podLabels", "extraEnv",
    "serviceAccountAnnotations",
    "runAsNonRoot", "runAsUser", "runAsGroup", "fsGroupChangePolicy", "seccompProfile",
    "allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities",
)  # fmt: skip
"""Explained where the first of them stands, or by Kubernetes."""


@pytest.mark.parametrize("chart", [CHART, WITHIN], ids=lambda chart: chart.name)
def test_schema_and_values_name_the_same(chart: Path) -> None:
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    named = {path for path in named_by(schema, schema, "") if not path.startswith(("/global", "/kuberay/"))}
    named -= {"/enabled"} if chart == WITHIN else set()  # it is of the chart around it
    given = {path for path in paths_of(values, "") if not path.startswith((*OPEN, "/kuberay/"))} | set(OPEN & set(paths_of(values, "")))
    assert named - given == set()
    assert {path for path in given - named if not path.startswith(FREE_MAPS)} == set()


FREE_MAPS = ("/nodePools/", "/operator/resources/", "/ledger/resources/", "/resources/", "/monitoring/dashboards/labels/")
"""Where users choose the keys."""


def named_by(schema: Any, part: Any, path: str) -> Iterator[str]:
    """Paths of every property that a schema knows, arrays and free maps left out."""
    if not isinstance(part, dict):
        return
    if "$ref" in part:
        part = schema["definitions"][part["$ref"].rpartition("/")[2]]
    for name, inner in part.get("properties", {}).items():
        yield f"{path}/{name}"
        yield from named_by(schema, inner, f"{path}/{name}")


def paths_of(values: Any, path: str) -> Iterator[str]:
    if isinstance(values, dict):
        for name, inner in values.items():
            yield f"{path}/{name}"
            yield from paths_of(inner, f"{path}/{name}")


def test_the_value_sets_name_every_top_level_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    tried = {name for one in VALUE_SETS.values() for name in one}
    assert set(values) - tried == {"podSecurityContext", "containerSecurityContext"}


def test_the_schema_is_strict_everywhere() -> None:
    for chart in (CHART, WITHIN):
        for where, part in objects_of(json.loads((chart / "values.schema.json").read_text()), ""):
            if "properties" in part:
                assert part.get("additionalProperties") is False, f"{chart.name}{where}"


def objects_of(part: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield path, part
        for name, inner in part.items():
            yield from objects_of(inner, f"{path}/{name}")
