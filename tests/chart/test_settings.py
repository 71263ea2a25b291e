"""The documents that the chart renders are what the operator and the ledger read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chart.rendering import CHART, Manifest, one, render
from chart.value_sets import VALUE_SETS

from moorage_billing.service.settings import ServiceSettings
from moorage_billing.service.settings import read_settings as read_ledger_settings
from moorage_operator.names import LEDGER_TOKEN_FOLDER, SETTINGS_PATH
from moorage_operator.settings import OperatorSettings
from moorage_operator.settings import read_settings as read_operator_settings


def operator_settings(values: dict[str, Any], folder: Path, prefix: str = "moorage", **how: Any) -> OperatorSettings:
    file = folder / "operator.yaml"
    file.write_text(one(render(values, **how), "ConfigMap", f"{prefix}-operator")["data"]["operator.yaml"])
    return read_operator_settings(file)


def ledger_settings(values: dict[str, Any], folder: Path, prefix: str = "moorage", **how: Any) -> ServiceSettings:
    file = folder / "ledger.yaml"
    file.write_text(one(render(values, **how), "ConfigMap", f"{prefix}-ledger")["data"]["ledger.yaml"])
    return read_ledger_settings(file)


def container(manifests: list[Manifest], name: str) -> Manifest:
    (found,) = one(manifests, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_set_of_values_is_settings(name: str, tmp_path: Path) -> None:
    prefix = VALUE_SETS[name].get("fullnameOverride", "moorage")
    operator = operator_settings(VALUE_SETS[name], tmp_path, prefix)
    ledger = ledger_settings(VALUE_SETS[name], tmp_path, prefix)
    assert operator.ledger.audience == ledger.audience
    assert operator.ledger.url == f"http://{prefix}-ledger.moorage.svc:8080"
    assert ledger.operator == f"system:serviceaccount:moorage:{prefix}-operator"
    assert "default" in operator.node_pools


def test_the_defaults_are_the_operator_s_own(tmp_path: Path) -> None:
    settings = operator_settings({}, tmp_path)
    given = {"namespace": settings.namespace, "ledger": settings.ledger, "images": settings.images}
    assert settings == OperatorSettings(**given)
    assert settings.images.runtime == "docker.io/moorage/runtime:0.1.0"


def test_every_field_of_the_operator_s_settings_can_be_set(tmp_path: Path) -> None:
    settings = operator_settings(VALUE_SETS["everything"], tmp_path, "ml")
    unset = set(OperatorSettings.model_fields) - settings.model_fields_set
    assert unset == set()
    assert settings.kuberay_namespace == "moorage"
    assert settings.monitoring_namespace == "observability"
    assert settings.pod_monitor_labels == {"release": "kube-prometheus-stack"}
    assert settings.images.runtime == "registry.example.com:5000/moorage/runtime:1.2.3"
    assert settings.images.pull_secrets == ["registry"]
    assert settings.storage.storage_class_name == "nfs"
    assert settings.node_pools["a100"].hourly_price == "2.40"
    assert settings.node_pools["a100"].tolerations == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert settings.node_pools["spot"].cpu_request_fraction == 0.5
    assert settings.head.cpus == 0.5
    assert settings.drift_seconds == 300.5


def test_where_kuberay_is(tmp_path: Path) -> None:
    assert operator_settings({}, tmp_path).kuberay_namespace == "kuberay-system"
    assert operator_settings({"kuberay": {"enabled": True}}, tmp_path, namespace="ops").kuberay_namespace == "ops"
    assert operator_settings({"kuberay": {"namespace": "ray"}}, tmp_path).kuberay_namespace == "ray"
    for values, namespace in (({"enabled": True}, "moorage"), ({"enabled": True, "namespace": "ray"}, "ray")):
        deployment = one(render({"kuberay": values}), "Deployment", "moorage-kuberay-operator")
        assert deployment["metadata"]["namespace"] == namespace
        assert operator_settings({"kuberay": values}, tmp_path).kuberay_namespace == namespace


def test_pod_monitors_need_monitoring(tmp_path: Path) -> None:
    assert operator_settings({}, tmp_path).pod_monitors
    assert not operator_settings({"monitoring": {"enabled": False}}, tmp_path).pod_monitors
    assert not operator_settings({"monitoring": {"podMonitors": {"enabled": False}}}, tmp_path).pod_monitors


def test_sqlite_lies_on_the_volume(tmp_path: Path) -> None:
    manifests = render()
    settings = ledger_settings({}, tmp_path)
    mounts = {mount["name"]: mount["mountPath"] for mount in container(manifests, "moorage-ledger")["volumeMounts"]}
    assert settings.ledger == f"sqlite:///{mounts['data']}/ledger.db"
    volumes = one(manifests, "Deployment", "moorage-ledger")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "moorage-ledger"}} in volumes
    assert one(manifests, "PersistentVolumeClaim")["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_a_claim_of_one_s_own() -> None:
    manifests = render(VALUE_SETS["existing-claim"])
    volumes = one(manifests, "Deployment", "moorage-ledger")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "ledger-data"}} in volumes
    assert not any(manifest["kind"] == "PersistentVolumeClaim" for manifest in manifests)


def test_postgresql_s_url_is_read_from_its_secret(tmp_path: Path) -> None:
    values = VALUE_SETS["postgresql"]
    manifests, settings = render(values), ledger_settings(values, tmp_path)
    assert settings.ledger is None
    spec = one(manifests, "Deployment", "moorage-ledger")["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    volume = next(volume for volume in spec["volumes"] if volume["name"] == "database")
    assert volume["secret"] == {"secretName": "moorage-postgresql", "items": [{"key": "url", "path": "url"}]}
    assert settings.ledger_file == f"{mounts['database']}/url"
    assert not any(manifest["kind"] == "PersistentVolumeClaim" for manifest in manifests)


def test_administrators(tmp_path: Path) -> None:
    assert ledger_settings({}, tmp_path).administrators == ["system:serviceaccount:moorage:moorage-admin"]
    assert ledger_settings(VALUE_SETS["everything"], tmp_path, "ml").administrators == [
        "system:serviceaccount:moorage:ml-admin",
        "oidc:alice",
        "system:serviceaccount:finance:reports",
    ]
    assert ledger_settings({"adminServiceAccount": {"create": False}}, tmp_path).administrators == []


def test_the_operator_finds_its_settings_and_its_token() -> None:
    spec = one(render(), "Deployment", "moorage-operator")["spec"]["template"]["spec"]
    (operator,) = spec["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in operator["volumeMounts"]}
    environment = {variable["name"]: variable["value"] for variable in operator["env"]}
    assert operator["args"] == ["python", "-m", "moorage_operator", "--settings", f"{mounts['settings']}/operator.yaml"]
    assert mounts["settings"] == SETTINGS_PATH
    assert mounts["ledger-token"] == LEDGER_TOKEN_FOLDER
    assert environment["MOORAGE_LEDGER_TOKEN_FILE"] == f"{LEDGER_TOKEN_FOLDER}/token"
    volume = next(volume for volume in spec["volumes"] if volume["name"] == "ledger-token")
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"] == {"audience": "moorage-ledger", "expirationSeconds": 3600, "path": "token"}


def test_other_settings_make_another_pod_and_equal_ones_do_not() -> None:
    def sums(values: dict[str, Any]) -> list[str]:
        names = ("moorage-operator", "moorage-ledger")
        return [one(render(values), "Deployment", n)["spec"]["template"]["metadata"]["annotations"]["checksum/settings"] for n in names]

    before = sums({})
    assert sums({"monitoring": {"interval": "10s"}}) == before
    assert [a == b for a, b in zip(sums({"operator": {"workers": 8}}), before, strict=True)] == [False, True]
    assert [a == b for a, b in zip(sums({"ledger": {"threads": 4}}), before, strict=True)] == [True, False]


def test_the_version_of_the_image_is_that_of_the_project() -> None:
    project = (CHART.parents[1] / "pyproject.toml").read_text()
    chart = (CHART / "Chart.yaml").read_text()
    version = next(line.split('"')[1] for line in project.splitlines() if line.startswith("version = "))
    assert f'appVersion: "{version}"' in chart
    assert container(render(), "moorage-operator")["image"] == f"docker.io/moorage/operator:{version}"


def test_a_digest_stands_in_place_of_a_tag() -> None:
    image = {"digest": "sha256:" + "c" * 64, "tag": "ignored"}
    manifests = render({"images": {"operator": image}, "kuberay": {"enabled": True, "image": image}})
    assert container(manifests, "moorage-ledger")["image"] == f"docker.io/moorage/operator@{image['digest']}"
    assert container(manifests, "moorage-kuberay-operator")["image"] == f"quay.io/kuberay/operator@{image['digest']}"
