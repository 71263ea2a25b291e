"""Pods: as restricted as Kubernetes can check, and reached by whom they should be."""

from __future__ import annotations

from typing import Any

import pytest
from chart.rendering import Manifest, one, pod_specs, render
from chart.value_sets import VALUE_SETS

from moorage_operator.release_pods import main as release_pods


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_pod_meets_the_restricted_standard(name: str) -> None:
    """The Pod Security Standard's controls that a pod can break."""
    for where, spec in pod_specs(render(VALUE_SETS[name])):
        assert spec["securityContext"]["runAsNonRoot"] is True, where
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), where
        kinds = {kind for volume in spec.get("volumes", ()) for kind in volume} - {"name"}
        assert kinds <= {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}, where
        for container in [*spec["containers"], *spec.get("initContainers", ())]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, where
            assert context["capabilities"] == {"drop": ["ALL"]}, where
            assert context["readOnlyRootFilesystem"] is True, where
            assert {"requests", "limits"} <= set(container["resources"]), where
            assert "memory" in container["resources"]["limits"], where


@pytest.mark.parametrize("name", ["moorage-operator", "moorage-ledger"])
def test_services_are_probed_and_one_at_a_time(name: str) -> None:
    manifests = render()
    deployment = one(manifests, "Deployment", name)
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    paths = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert {container[probe]["httpGet"]["port"] for probe in paths} == {"http"}
    service = one(manifests, "Service", name)
    assert selects(service["spec"]["selector"], deployment["spec"]["template"]["metadata"]["labels"])
    assert service["spec"]["ports"] == [{"name": "http", "port": 8080, "targetPort": "http"}]


def test_placement_and_more() -> None:
    spec = dict(pod_specs(render(VALUE_SETS["everything"])))["Deployment/ml-operator"]
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert spec["nodeSelector"] == {"pool": "system"}
    assert spec["tolerations"] == [{"key": "system", "operator": "Exists"}]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"} in spec["containers"][0]["env"]


@pytest.mark.parametrize("name", ["default", "everything"])
def test_selectors_are_of_their_own_pods_only(name: str) -> None:
    manifests = render(VALUE_SETS[name])
    deployments = [manifest for manifest in manifests if manifest["kind"] == "Deployment"]
    for deployment in deployments:
        wanted = deployment["spec"]["selector"]["matchLabels"]
        chosen = [m["metadata"]["name"] for m in deployments if selects(wanted, m["spec"]["template"]["metadata"]["labels"])]
        assert chosen == [deployment["metadata"]["name"]]
        assert "helm.sh/chart" not in wanted
        assert "app.kubernetes.io/version" not in wanted


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


OURS = {"app.kubernetes.io/name": "moorage", "app.kubernetes.io/instance": "moorage"}
CALLERS: dict[str, tuple[str, dict[str, str]]] = {
    "operator": ("moorage", {**OURS, "app.kubernetes.io/component": "operator"}),
    "test": ("moorage", {**OURS, "app.kubernetes.io/component": "test"}),
    "agent": ("team-a", {"app.kubernetes.io/managed-by": "moorage", "moorage.dev/kind": "ModelService"}),
    "prometheus": ("observability", {"app.kubernetes.io/name": "prometheus"}),
    "finance": ("finance", {}),
    "stranger": ("team-a", {"app": "web"}),
    "another operator": ("team-a", {**OURS, "app.kubernetes.io/component": "operator"}),
}


def admitted(policy: Manifest, namespace: str, labels: dict[str, str]) -> bool:
    """Whether a NetworkPolicy of the release's namespace lets a pod in, to the port `http`."""
    for rule in policy["spec"]["ingress"]:
        assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
        for peer in rule["from"]:
            wanted: dict[str, Any] = peer.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": "moorage"}})
            if selects(wanted.get("matchLabels", {}), {"kubernetes.io/metadata.name": namespace}) and selects(
                peer.get("podSelector", {}).get("matchLabels", {}), labels
            ):
                return True
    return False


@pytest.mark.parametrize(
    ("values", "service", "callers"),
    [
        ({}, "ledger", {"operator", "test", "agent", "prometheus"}),
        ({}, "operator", {"test", "prometheus"}),
        ({"networkPolicy": {"ledgerClientNamespaces": ["finance"]}}, "ledger", {"operator", "test", "agent", "prometheus", "finance"}),
        ({"monitoring": {"namespace": "observability"}}, "operator", {"test", "prometheus"}),
        ({"monitoring": {"namespace": "elsewhere"}}, "operator", {"test"}),
        ({"monitoring": {"namespace": "elsewhere"}}, "ledger", {"operator", "test", "agent"}),
    ],
)
def test_who_reaches_what(values: dict[str, Any], service: str, callers: set[str]) -> None:
    manifests = render(values)
    policy = one(manifests, "NetworkPolicy", f"moorage-{service}")
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    pod = one(manifests, "Deployment", f"moorage-{service}")["spec"]["template"]["metadata"]["labels"]
    assert selects(policy["spec"]["podSelector"]["matchLabels"], pod)
    assert {name for name, (namespace, labels) in CALLERS.items() if admitted(policy, namespace, labels)} == callers


def test_the_callers_are_labelled_so() -> None:
    manifests = render()
    assert selects(CALLERS["operator"][1], one(manifests, "Deployment", "moorage-operator")["spec"]["template"]["metadata"]["labels"])
    assert selects(CALLERS["test"][1], one(manifests, "Pod", "moorage-test")["metadata"]["labels"])


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ({}, []),
        ({"uninstall": {"force": True}}, ["--force"]),
        ({"watchNamespaces": ["team-a", "team-b"]}, ["--namespace", "team-a", "--namespace", "team-b"]),
        ({"watchNamespaces": ["team-a"], "uninstall": {"force": True}}, ["--namespace", "team-a", "--force"]),
    ],
)
def test_what_runs_before_an_uninstall(values: dict[str, Any], arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    job = one(render(values), "Job", "moorage-uninstall")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    assert job["spec"]["backoffLimit"] == 0
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args == ["python", "-m", "moorage_operator.release_pods", *arguments]
    told: list[tuple[list[str], bool]] = []

    async def connected(namespaces: list[str], force: bool) -> Any:
        told.append((namespaces, force))
        raise ProgramWasReached

    monkeypatch.setattr("moorage_operator.release_pods._connected", connected)
    with pytest.raises(ProgramWasReached):
        release_pods(args[3:])
    assert told == [(values.get("watchNamespaces", []), "--force" in arguments)]


class ProgramWasReached(Exception):
    """Its arguments were understood."""


def test_what_it_needs_is_there_before_it() -> None:
    manifests = [m for m in render() if "pre-delete" in m["metadata"].get("annotations", {}).get("helm.sh/hook", "")]
    weights = {m["kind"]: int(m["metadata"]["annotations"]["helm.sh/hook-weight"]) for m in manifests}
    assert set(weights) == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"}
    assert weights["Job"] > max(weight for kind, weight in weights.items() if kind != "Job")
    assert {m["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for m in manifests} == {"before-hook-creation,hook-succeeded"}


def test_no_check_before_an_uninstall_where_none_is_wanted() -> None:
    assert not [m for m in render({"uninstall": {"check": False}}) if "uninstall" in m["metadata"]["name"]]
