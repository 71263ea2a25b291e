"""The chart on a real API server: everything it renders is accepted, and a release lives from its install to its uninstall."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from apiserver.api import Api, ApiError
from apiserver.chart import CHART, NAMESPACE, Helm
from apiserver.control_plane import ControlPlane
from apiserver.definitions import MOORAGE_CRDS
from apiserver.programs import Missing
from manifests.corpus import good_manifests

from moorage_operator.plan import ObjectRef

JOBS = ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "trainingjobs.moorage.dev")
OPERATOR = ObjectRef("apps/v1", "Deployment", "moorage-operator", NAMESPACE)
POOLS = {
    "default": {},
    "a100": {
        "nodeSelector": {"gpu": "a100"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "gpuResourceName": "nvidia.com/gpu",
        "hourlyPrice": "2.40",
        "cpuRequestFraction": 0.5,
        "runtimeClassName": "nvidia",
    },
}
VALUES = {
    "as it is": {},
    "few namespaces": {"watchNamespaces": ["team-a", "team-b"]},
    "PostgreSQL": {"ledger": {"postgresql": {"existingSecret": "ledger-dsn"}, "administrators": ["oidc:alice"]}},
    "a volume of one's own": {"ledger": {"persistence": {"existingClaim": "ledger"}}},
    "GPU pools": {"nodePools": POOLS},
    "with KubeRay": {"kuberay": {"enabled": True}},
    "bare": {
        "crds": {"install": False},
        "networkPolicy": {"enabled": False},
        "monitoring": {"enabled": False},
        "rbac": {"aggregateToDefaultRoles": False},
        "adminServiceAccount": {"create": False},
        "uninstall": {"check": False},
    },
    "everything named": {
        "fullnameOverride": "m",
        "commonLabels": {"team": "platform"},
        "images": {"operator": {"digest": "sha256:" + "0" * 64}, "pullSecrets": ["registry"]},
        "operator": {
            "priorityClassName": "system-cluster-critical",
            "extraEnv": [{"name": "A", "value": "b"}],
            "podAnnotations": {"a": "b"},
        },
        "monitoring": {"namespace": "monitoring", "labels": {"release": "prometheus"}},
        "networkPolicy": {"ledgerClientNamespaces": ["finance"]},
    },
}


@pytest.fixture(scope="module")
def own_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Without the CRDs, which the chart brings; what it makes of the whole cluster is nobody else's concern."""
    try:
        plane = ControlPlane(tmp_path_factory.mktemp("chart-control-plane"))
    except Missing as missing:
        pytest.skip(str(missing))
    yield plane
    plane.stop()


@pytest.fixture
def helm(own_control_plane: ControlPlane) -> Helm:
    """Helm on that control plane."""
    return Helm(own_control_plane)


@pytest.mark.parametrize("name", VALUES)
def test_everything_that_is_rendered_is_accepted(api: Api, control_plane: ControlPlane, name: str) -> None:
    """By server-side apply with strict validation: a misspelt field, which `helm install` passes over, is an error here."""
    rendered = Helm(control_plane).rendered(VALUES[name], "rendered")
    assert len(rendered) > 10
    for namespace in {document["metadata"].get("namespace") for document in rendered} - {None}:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    api.apply_all(document for document in rendered if document["kind"] == "ServiceAccount")  # pods are refused without theirs
    refusals = []
    for document in rendered:
        try:
            api.apply(document, dry_run=True)
        except ApiError as error:
            refusals.append(f"{document['kind']} {document['metadata']['name']}: {error}")
    assert refusals == []


def test_the_pods_of_the_chart_meet_the_strictest_pod_security_standard(api: Api, control_plane: ControlPlane) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "restricted", "labels": labels}})
    found = 0
    for document in Helm(control_plane).rendered({"kuberay": {"enabled": True}}):
        template = document.get("spec", {}).get("template") if document["kind"] in ("Deployment", "Job") else None
        spec = template["spec"] if template else document.get("spec") if document["kind"] == "Pod" else None
        if spec is not None:
            # The ServiceAccount is not in this namespace; whether the pod may run as it is none of this test's concern.
            spec = {key: value for key, value in spec.items() if key not in ("serviceAccountName", "automountServiceAccountToken")}
            account = {"serviceAccountName": "tests", "automountServiceAccountToken": False}
            api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tests", "namespace": "restricted"}})
            metadata = {"name": document["metadata"]["name"], "namespace": "restricted"}
            api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, **account}}, dry_run=True)
            found += 1
    assert found >= 3


def older(folder: Path) -> Path:
    """The chart of a release before, whose TrainingJob had no `cost` in its status and whose operator had other settings."""
    shutil.copytree(CHART, folder / "older")
    version = folder / "older/Chart.yaml"
    version.write_text(version.read_text().replace("\nversion: ", "\nversion: 0.0.1-before."))
    crd = folder / "older/files/crds/moorage.dev_trainingjobs.yaml"
    document = yaml.safe_load(crd.read_text())
    schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["status"]["properties"]["cost"]
    crd.write_text(yaml.safe_dump(document, sort_keys=False))
    return folder / "older"


def test_a_release_is_installed_upgraded_and_uninstalled(helm: Helm, own_control_plane: ControlPlane, tmp_path: Path) -> None:
    api = own_control_plane.admin
    helm.install(older(tmp_path), {"operator": {"workers": 4}})
    before = {"definition": api.get(JOBS), "operator": api.get(OPERATOR)}
    assert "cost" not in status_fields(before["definition"])
    job = api.apply({**good_manifests()["trainingjob-least"], "metadata": {"name": "mine", "namespace": "default"}})

    helm.upgrade({"operator": {"workers": 8}})
    after = {"definition": api.get(JOBS), "operator": api.get(OPERATOR)}
    assert "cost" in status_fields(after["definition"])
    assert after["definition"]["metadata"]["uid"] == before["definition"]["metadata"]["uid"], "replaced, and every TrainingJob with it"
    mine = ObjectRef("moorage.dev/v1alpha1", "TrainingJob", "mine", "default")
    assert api.get(mine)["metadata"]["uid"] == job["metadata"]["uid"]
    assert api.patch(mine, {"status": {"cost": "5"}}, subresource="status")["status"]["cost"] == "5"
    checksums = [seen["operator"]["spec"]["template"]["metadata"]["annotations"]["checksum/settings"] for seen in (before, after)]
    assert checksums[0] != checksums[1], "other settings and no other pod"

    helm.uninstall()
    assert api.get(OPERATOR) is None
    assert api.get(mine)["metadata"]["uid"] == job["metadata"]["uid"]
    ledger = api.get(ObjectRef("v1", "PersistentVolumeClaim", "moorage-ledger", NAMESPACE))
    assert ledger is not None, "the truth about money and privacy is gone"

    helm.install()
    assert api.get(mine)["metadata"]["uid"] == job["metadata"]["uid"]
    kept = api.get(ObjectRef("v1", "PersistentVolumeClaim", "moorage-ledger", NAMESPACE))
    assert kept["metadata"]["uid"] == ledger["metadata"]["uid"]
    helm.uninstall()


def test_the_definitions_of_the_chart_are_those_of_the_repository() -> None:
    ours = {path.name: yaml.safe_load(path.read_text()) for path in MOORAGE_CRDS}
    theirs = {path.name: yaml.safe_load(path.read_text()) for path in (CHART / "files/crds").glob("*.yaml")}
    assert {name: document["spec"] for name, document in theirs.items()} == {name: document["spec"] for name, document in ours.items()}


def status_fields(definition: dict) -> set[str]:
    """Of a definition's only version."""
    return set(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"])
