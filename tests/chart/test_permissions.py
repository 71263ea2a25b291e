"""Least privilege: who may do what, spelled out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from chart.rendering import ROOT, Manifest, find, one, pod_specs, render
from chart.value_sets import VALUE_SETS

from moorage_operator.kube.kinds import WATCHED, WRITTEN_ONLY, Kind

Rights = dict[str, set[str]]
"""By group/resource (core resources without a group): verbs."""

READ = {"get", "list", "watch"}
EDIT = READ | {"create", "delete", "deletecollection", "patch", "update"}
OPERATOR: Rights = {
    "moorage.dev/datasets": READ | {"patch"},
    "moorage.dev/modelservices": READ | {"patch"},
    "moorage.dev/trainingjobs": READ | {"patch"},
    "moorage.dev/datasets/status": {"patch"},
    "moorage.dev/modelservices/status": {"patch"},
    "moorage.dev/trainingjobs/status": {"patch"},
    "moorage.dev/datasets/finalizers": {"update"},
    "moorage.dev/modelservices/finalizers": {"update"},
    "moorage.dev/trainingjobs/finalizers": {"update"},
    "ray.io/rayjobs": READ | {"create", "patch", "delete"},
    "ray.io/rayservices": READ | {"create", "patch", "delete"},
    "ray.io/rayclusters": READ | {"patch"},
    "pods": READ | {"patch"},
    "configmaps": READ | {"create", "patch", "delete"},
    "apps/controllerrevisions": READ | {"create", "patch", "delete"},
    "persistentvolumeclaims": READ | {"create", "patch"},
    "serviceaccounts": {"get", "create", "patch"},
    "rbac.authorization.k8s.io/roles": {"get", "create", "patch"},
    "rbac.authorization.k8s.io/rolebindings": {"get", "create", "patch"},
    "networking.k8s.io/networkpolicies": {"get", "create", "patch"},
    "monitoring.coreos.com/podmonitors": {"get", "create", "patch"},
    "services": {"get"},
    "events": {"create", "patch"},
}
OPERATOR_CLUSTER: Rights = {
    "moorage.dev/priceplans": READ | {"patch"},
    "moorage.dev/tenants": READ | {"patch"},
    "moorage.dev/priceplans/status": {"patch"},
    "moorage.dev/tenants/status": {"patch"},
    "moorage.dev/priceplans/finalizers": {"update"},
    "moorage.dev/tenants/finalizers": {"update"},
    "namespaces": {"list", "watch"},
    "apiextensions.k8s.io/customresourcedefinitions": {"list", "watch"},
}


def rights_of(role: Manifest) -> Rights:
    found: Rights = {}
    for rule in role["rules"]:
        assert set(rule) <= {"apiGroups", "resources", "verbs", "resourceNames"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault(f"{group}/{resource}".lstrip("/"), set()).update(rule["verbs"])
    return found


def rights_of_account(manifests: Iterable[Manifest], account: str) -> dict[str | None, Rights]:
    """By the namespace in which it has them (None: in all): the rights of a ServiceAccount of the chart, by every binding."""
    manifests = list(manifests)
    found: dict[str | None, Rights] = {}
    for binding in [*find(manifests, "ClusterRoleBinding"), *find(manifests, "RoleBinding")]:
        if {"kind": "ServiceAccount", "name": account, "namespace": "moorage"} not in binding["subjects"]:
            continue
        where = binding["metadata"].get("namespace")
        role = one(manifests, binding["roleRef"]["kind"], binding["roleRef"]["name"], where)
        for resource, verbs in rights_of(role).items():
            found.setdefault(where, {}).setdefault(resource, set()).update(verbs)
    return found


def test_what_the_operator_may_do() -> None:
    assert rights_of_account(render(), "moorage-operator") == {None: {**OPERATOR, **OPERATOR_CLUSTER}}


def test_what_it_may_do_where_it_watches_some_namespaces() -> None:
    found = rights_of_account(render({"watchNamespaces": ["team-a", "team-b"]}), "moorage-operator")
    letting_go = {"moorage.dev/trainingjobs": {"get", "patch"}}
    assert found == {
        None: OPERATOR_CLUSTER | letting_go,
        "team-a": OPERATOR,
        "team-b": OPERATOR,
        "default": {"events": {"create", "patch"}},
    }


@pytest.mark.parametrize("kind", WATCHED, ids=lambda kind: kind.plural)
def test_it_may_read_what_it_watches(kind: Kind) -> None:
    assert ({**OPERATOR, **OPERATOR_CLUSTER})[f"{kind.group}/{kind.plural}".lstrip("/")] >= READ


@pytest.mark.parametrize("kind", [kind for kind in WRITTEN_ONLY if kind.kind != "Service"], ids=lambda kind: kind.plural)
def test_it_may_write_what_it_writes(kind: Kind) -> None:
    assert OPERATOR[f"{kind.group}/{kind.plural}".lstrip("/")] >= {"create", "patch"}


def test_it_may_give_away_only_what_it_holds() -> None:
    """A training job's Role: get and patch of two ConfigMaps. Who does not hold that may not create it."""
    assert OPERATOR["configmaps"] >= {"get", "patch"}
    assert {"bind", "escalate", "impersonate"}.isdisjoint(verb for verbs in OPERATOR.values() for verb in verbs)


@pytest.mark.parametrize("name", VALUE_SETS)
def test_no_role_of_moorage_has_a_wildcard_or_sees_secrets(name: str) -> None:
    manifests = render(VALUE_SETS[name])
    for role in [*find(manifests, "ClusterRole"), *find(manifests, "Role")]:
        assert "*" not in str(role["rules"])
        if role["metadata"]["labels"]["app.kubernetes.io/name"] == "moorage":
            assert "secrets" not in str(role["rules"])


def test_the_ledger_only_asks_whose_tokens_are() -> None:
    assert rights_of_account(render(), "moorage-ledger") == {None: {"authentication.k8s.io/tokenreviews": {"create"}}}


def test_the_administrators_account_has_no_rights_on_the_api_server() -> None:
    manifests = render()
    assert one(manifests, "ServiceAccount", "moorage-admin")["automountServiceAccountToken"] is False
    assert rights_of_account(manifests, "moorage-admin") == {}


def test_what_is_done_before_an_uninstall() -> None:
    rights = {"pods": {"list", "patch"}}
    assert rights_of_account(render(), "moorage-uninstall") == {None: rights}
    assert rights_of_account(render({"watchNamespaces": ["team-a"]}), "moorage-uninstall") == {"team-a": rights}


def test_helm_test_reads_five_definitions() -> None:
    (rule,) = one(render(), "ClusterRole", "moorage-test")["rules"]
    plurals = sorted(path.stem.removeprefix("moorage.dev_") for path in (ROOT / "crds").iterdir())
    assert rule.pop("resourceNames") == [f"{plural}.moorage.dev" for plural in plurals]
    assert rule == {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get"]}


def test_users() -> None:
    manifests = render()
    scale = {"get", "patch", "update"}
    assert rights_of(one(manifests, "ClusterRole", "moorage-view")) == {
        **{f"moorage.dev/{kind}": READ for kind in ("datasets", "modelservices", "trainingjobs")},
        **{f"moorage.dev/{kind}/status": {"get"} for kind in ("datasets", "modelservices", "trainingjobs")},
        "moorage.dev/modelservices/scale": {"get"},
    }
    assert rights_of(one(manifests, "ClusterRole", "moorage-edit")) == {
        **{f"moorage.dev/{kind}": EDIT for kind in ("datasets", "modelservices", "trainingjobs")},
        "moorage.dev/modelservices/scale": scale,
    }
    assert rights_of(one(manifests, "ClusterRole", "moorage-admin")) == {
        **{f"moorage.dev/{kind}": EDIT for kind in ("priceplans", "tenants")},
        **{f"moorage.dev/{part}": {"get"} for part in ("priceplans/status", "tenants/status")},
    }
    into = {"moorage-view": {"view", "edit", "admin"}, "moorage-edit": {"edit", "admin"}, "moorage-admin": {"admin"}}
    assert aggregated(manifests) == into


def test_users_where_only_admins_write_datasets() -> None:
    manifests = render({"rbac": {"datasetsWrittenBy": "admin", "aggregateToDefaultRoles": False}})
    assert "moorage.dev/datasets" not in rights_of(one(manifests, "ClusterRole", "moorage-edit"))
    assert rights_of(one(manifests, "ClusterRole", "moorage-admin"))["moorage.dev/datasets"] == EDIT
    assert rights_of(one(manifests, "ClusterRole", "moorage-view"))["moorage.dev/datasets"] == READ
    assert aggregated(manifests) == {}


def aggregated(manifests: list[Manifest]) -> dict[str, set[str]]:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    found = {}
    for role in find(manifests, "ClusterRole"):
        labels = role["metadata"]["labels"]
        into = {label.removeprefix(prefix) for label in labels if label.startswith(prefix) and labels[label] == "true"}
        if into:
            found[role["metadata"]["name"]] = into
    return found


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_pod_has_an_account_of_its_own(name: str) -> None:
    manifests = render(VALUE_SETS[name])
    specs = dict(pod_specs(manifests))
    accounts = [spec["serviceAccountName"] for spec in specs.values()]
    assert len(accounts) == len(set(accounts))
    for spec in specs.values():
        (account,) = find(manifests, "ServiceAccount", spec["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False
        assert spec["automountServiceAccountToken"] is True


def test_every_binding_is_of_a_role_and_an_account_that_are_there() -> None:
    manifests = render(VALUE_SETS["everything"])
    for binding in [*find(manifests, "ClusterRoleBinding"), *find(manifests, "RoleBinding")]:
        one(manifests, binding["roleRef"]["kind"], binding["roleRef"]["name"], binding["metadata"].get("namespace"))
        for subject in binding["subjects"]:
            one(manifests, "ServiceAccount", subject["name"], subject["namespace"])


def test_no_roles_where_the_platform_makes_them() -> None:
    manifests = render({"rbac": {"create": False}, "watchNamespaces": ["team-a"]})
    assert {manifest["kind"] for manifest in manifests}.isdisjoint({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})
