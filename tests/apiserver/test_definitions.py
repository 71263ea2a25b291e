"""The five CustomResourceDefinitions as a real API server takes them, and as `kubectl` shows them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from apiserver.api import Api
from apiserver.control_plane import ControlPlane
from apiserver.definitions import MOORAGE_CRDS
from manifests.corpus import good_manifests

from moorage_api.crd.definition import NAMES
from moorage_operator.plan import ObjectRef

GROUP_VERSION = "moorage.dev/v1alpha1"
DEFINITIONS = [yaml.safe_load(path.read_text()) for path in MOORAGE_CRDS]
SHORT = {definition["spec"]["names"]["kind"]: definition["spec"]["names"]["shortNames"][0] for definition in DEFINITIONS}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d["spec"]["names"]["kind"])
def test_a_definition_is_accepted_whole_and_served(api: Api, definition: dict) -> None:
    stored = api.get(ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition["metadata"]["name"]))
    conditions = {c["type"]: c["status"] for c in stored["status"]["conditions"]}
    assert conditions["NamesAccepted"] == conditions["Established"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert stored["spec"]["versions"][0]["schema"] == definition["spec"]["versions"][0]["schema"], "the server dropped or added something"
    served = api.request("GET", f"/apis/{GROUP_VERSION}")["resources"]
    names = definition["spec"]["names"]
    (resource,) = (r for r in served if r["name"] == names["plural"])
    assert (resource["shortNames"], resource["categories"]) == (names["shortNames"], ["moorage"])
    assert f"{names['plural']}/status" in {r["name"] for r in served}


def test_applying_the_definitions_again_changes_nothing(api: Api) -> None:
    for definition in DEFINITIONS:
        ref = ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition["metadata"]["name"])
        before = api.get(ref)["metadata"]["resourceVersion"]
        assert api.apply(definition)["metadata"]["resourceVersion"] == before


def in_namespace(kind: str, name: str, namespace: str) -> dict:
    """A good manifest of a kind, by another name."""
    document = next(document for document in good_manifests().values() if document["kind"] == kind)
    scope = {} if kind in ("Tenant", "PricePlan") else {"namespace": namespace}
    return {**document, "metadata": {"name": name, **scope}}


def test_a_category_lists_every_kind_and_short_names_one(api: Api, kubectl: Callable[..., str], namespace: str) -> None:
    for kind in NAMES:
        api.apply(in_namespace(kind, f"listed-{kind.lower()}", namespace))
    everything = kubectl("get", "moorage", "--namespace", namespace, "--output", "name").split()
    assert {line.split(".")[0] for line in everything} == {"dataset", "modelservice", "priceplan", "tenant", "trainingjob"}
    for kind, short in SHORT.items():
        listed = kubectl("get", short, "--namespace", namespace, "--output", "name").split()
        assert listed
        assert all(line.startswith(f"{kind.lower()}.moorage.dev/") for line in listed)


STATUS = {
    "TrainingJob": {
        "conditions": [
            {"type": "Succeeded", "status": "True", "reason": "Finished", "lastTransitionTime": "2026-11-22T08:30:00Z"},
            {"type": "GatesPassed", "status": "False", "reason": "BelowMinimum", "lastTransitionTime": "2026-11-22T08:30:00Z"},
        ],
        "progress": {"step": 3, "total": 4, "percent": 75.0, "etaSeconds": 12.5},
        "metrics": {"accuracy": 0.93},
        "cost": "1.25",
    },
    "ModelService": {
        "conditions": [{"type": "Ready", "status": "True", "reason": "Healthy", "lastTransitionTime": "2026-11-22T08:30:00Z"}],
        "url": "http://digits.default.svc:8000",
        "revision": 2,
        "replicas": 3,
        "selector": "moorage.dev/uid=u1",
    },
    "Dataset": {"spent": {"epsilon": 1.5, "jobs": 1}, "reserved": {"epsilon": 2.5, "jobs": 2}, "remainingEpsilon": 5.5},
    "Tenant": {"activeKeys": 4},
    "PricePlan": {},
}
SHOWN = {
    "TrainingJob": ("75", "12.5", "True", "False", "Finished", "1.25", "0.93"),
    "ModelService": ("http://digits.default.svc:8000", "True", "3"),
    "Dataset": ("1.5", "5.5"),
    "Tenant": ("4",),
    "PricePlan": (),
}


def with_defaults(status: dict) -> dict:
    """What the server makes of a status."""
    conditions = [{"message": "", "observedGeneration": 0, **condition} for condition in status.get("conditions", [])]
    return {**status, **({"conditions": conditions} if conditions else {})}


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_printer_columns_show_the_status(api: Api, kubectl: Callable[..., str], namespace: str, kind: str) -> None:
    made = api.apply(in_namespace(kind, f"columns-{kind.lower()}", namespace))
    if STATUS[kind]:
        ref = ObjectRef(GROUP_VERSION, kind, made["metadata"]["name"], made["metadata"].get("namespace"))
        stored = api.patch(ref, {"status": STATUS[kind]}, subresource="status")
        assert {field: stored["status"][field] for field in STATUS[kind]} == with_defaults(STATUS[kind])
    shown = kubectl("get", f"{SHORT[kind]}/{made['metadata']['name']}", "--namespace", namespace, "--output", "wide")
    heading, row = shown.splitlines()
    columns = next(d for d in DEFINITIONS if d["spec"]["names"]["kind"] == kind)["spec"]["versions"][0]["additionalPrinterColumns"]
    assert heading.split() == ["NAME", *(word for column in columns for word in column["name"].upper().split())]
    assert all(value in row.split() for value in SHOWN[kind]), shown
    assert "<invalid>" not in row


def test_a_model_service_is_scaled_by_kubectl(api: Api, kubectl: Callable[..., str], namespace: str) -> None:
    document = good_manifests()["modelservice-least"]
    document["metadata"] = {"name": "scaled", "namespace": namespace}
    api.apply(document)
    ref = ObjectRef(GROUP_VERSION, "ModelService", "scaled", namespace)
    api.patch(ref, {"status": {"replicas": 1, "selector": "moorage.dev/uid=u1"}}, subresource="status")
    scale = api.request("GET", api.path_of(ref, "scale"))
    assert (scale["spec"]["replicas"], scale["status"]["replicas"], scale["status"]["selector"]) == (1, 1, "moorage.dev/uid=u1")
    kubectl("scale", "modelservice/scaled", "--replicas=3", "--namespace", namespace)
    stored = api.get(ref)
    assert stored["spec"]["replicas"]["min"] == 3
    assert stored["metadata"]["generation"] == 2


def test_scaling_beyond_the_most_replicas_is_refused_with_the_rule(api: Api, kubectl: Callable[..., str], namespace: str) -> None:
    document = good_manifests()["modelservice-pinned"]
    document["metadata"] = {"name": "scaled", "namespace": namespace}
    most = api.apply(document)["spec"]["replicas"]["max"]
    said = kubectl("scale", "modelservice/scaled", f"--replicas={most + 1}", "--namespace", namespace, code=1)
    assert "max must not be below min" in said


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("trainingjob.spec.privacy.epsilon", "the noise is chosen so that the planned steps spend at most this"),
        ("modelservice.spec.replicas", "How many copies answer"),
        ("dataset.spec.privacyBudget", "With one, every job on these records must set `privacy`"),
        ("tenant.spec.rateLimit", "How fast the tenant may call"),
        ("priceplan.spec.meters", "meter"),
    ],
)
def test_kubectl_explains_fields(control_plane: ControlPlane, kubectl: Callable[..., str], field: str, says: str) -> None:
    said = " ".join(kubectl("explain", field, "--api-version", GROUP_VERSION).split())
    assert says in said


def test_status_is_changed_by_the_subresource_only_and_spec_not_by_it(api: Api, namespace: str) -> None:
    document = good_manifests()["trainingjob-least"]
    document["metadata"] = {"name": "split", "namespace": namespace}
    document["status"] = {"cost": "5"}
    assert "cost" not in api.apply(document).get("status", {})
    ref = ObjectRef(GROUP_VERSION, "TrainingJob", "split", namespace)
    stored = api.patch(ref, {"spec": {"gates": []}, "status": {"cost": "5"}}, subresource="status")
    assert (stored["status"]["cost"], stored["metadata"]["generation"]) == ("5", 1)


@pytest.mark.parametrize("kind", ["RayCluster", "RayJob", "RayService"])
def test_kuberay_serves_what_moorage_makes(api: Api, kuberay: None, kind: str) -> None:
    """Of the version of KubeRay that hack/cluster runs; the goldens are checked against these definitions."""
    served = {r["kind"]: r for r in api.request("GET", "/apis/ray.io/v1")["resources"] if "/" not in r["name"]}
    assert served[kind]["namespaced"]
