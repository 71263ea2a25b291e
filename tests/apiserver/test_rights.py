"""What the chart lets each account do: the operator all that it does and nothing beyond, the others what they are for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apiserver.api import Api, ApiError
from apiserver.chart import ADMINISTRATOR, LEDGER, NAMESPACE, OPERATOR, Helm
from apiserver.control_plane import ControlPlane
from apiserver.eventually import eventually
from manifests.corpus import good_manifests

from moorage_operator import names
from moorage_operator.kube.kinds import RESOURCES, WATCHED, WRITTEN_ONLY
from moorage_operator.plan import ObjectRef

GROUP_VERSION = "moorage.dev/v1alpha1"
RAY_SPEC = {"headGroupSpec": {"rayStartParams": {}, "template": {"spec": {"containers": [{"name": "ray", "image": "ray"}]}}}}
CHILDREN: dict[str, dict] = {
    "ConfigMap": {"data": {"run.json": "{}"}},
    "ControllerRevision": {"revision": 1, "data": {"model": "m"}},
    "NetworkPolicy": {"spec": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress"]}},
    "RayJob": {"spec": {"entrypoint": "true", "rayClusterSpec": RAY_SPEC}},
    "RayService": {"spec": {"serveConfigV2": "{}", "rayClusterConfig": RAY_SPEC}},
    "Role": {
        "rules": [
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["child-report"], "verbs": ["get", "patch"]},
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["child-admission"], "verbs": ["get"]},
        ]
    },
    "RoleBinding": {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "child"},
        "subjects": [{"kind": "ServiceAccount", "name": "child"}],
    },
    "ServiceAccount": {"automountServiceAccountToken": False},
}
"""What the operator applies with an owner reference. A claim has no owner, an Event is created, a PodMonitor's CRD is not here."""
NEVER_APPLIED = {"Pod", "RayCluster", "Service", "Event", "PersistentVolumeClaim", "PodMonitor", *(kind.kind for kind in RESOURCES)}

FORBIDDEN = [
    ("get", "", "secrets", "", "any"),
    ("list", "", "secrets", "", ""),
    ("list", "", "secrets", "", NAMESPACE),
    ("watch", "", "secrets", "", "any"),
    ("create", "", "secrets", "", "any"),
    ("create", "", "pods", "exec", "any"),
    ("get", "", "pods", "exec", "any"),
    ("create", "", "pods", "attach", "any"),
    ("create", "", "pods", "portforward", "any"),
    ("get", "", "pods", "log", "any"),
    ("patch", "", "pods", "ephemeralcontainers", "any"),
    ("create", "", "pods", "", "any"),
    ("delete", "", "pods", "", "any"),
    ("deletecollection", "", "configmaps", "", "any"),
    ("create", "", "serviceaccounts", "token", "any"),
    ("impersonate", "", "serviceaccounts", "", "any"),
    ("impersonate", "", "users", "", ""),
    ("delete", "", "persistentvolumeclaims", "", "any"),
    ("delete", "", "namespaces", "", "any"),
    ("patch", "", "namespaces", "", "any"),
    ("get", "", "nodes", "", ""),
    ("get", "", "nodes", "proxy", ""),
    ("create", "", "services", "", "any"),
    ("delete", "moorage.dev", "tenants", "", ""),
    ("create", "moorage.dev", "tenants", "", ""),
    ("delete", "moorage.dev", "priceplans", "", ""),
    ("delete", "moorage.dev", "datasets", "", "any"),
    ("delete", "moorage.dev", "trainingjobs", "", "any"),
    ("create", "moorage.dev", "trainingjobs", "", "any"),
    ("delete", "moorage.dev", "modelservices", "", "any"),
    ("create", "ray.io", "rayclusters", "", "any"),
    ("delete", "ray.io", "rayclusters", "", "any"),
    ("patch", "ray.io", "rayjobs", "status", "any"),
    ("escalate", "rbac.authorization.k8s.io", "roles", "", "any"),
    ("bind", "rbac.authorization.k8s.io", "roles", "", "any"),
    ("create", "rbac.authorization.k8s.io", "clusterroles", "", ""),
    ("patch", "rbac.authorization.k8s.io", "clusterroles", "", ""),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", "", ""),
    ("patch", "apiextensions.k8s.io", "customresourcedefinitions", "", ""),
    ("create", "authentication.k8s.io", "tokenreviews", "", ""),
    ("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", ""),
    ("patch", "apps", "deployments", "", NAMESPACE),
    ("*", "*", "*", "", "any"),
]


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, chart: None) -> Api:
    """The API with a token of the operator's ServiceAccount, as a pod of the Deployment gets it."""
    return control_plane.admin.with_token(control_plane.account_token(NAMESPACE, OPERATOR))


@pytest.fixture
def owner(api: Api, namespace: str) -> dict:
    """A TrainingJob; its kind and apiVersion are in it."""
    return api.apply({**good_manifests()["trainingjob-least"], "metadata": {"name": "child", "namespace": namespace}})


def child(kind: str, owner: dict) -> dict:
    """A child as the operator makes them."""
    metadata = {"name": "child", "namespace": owner["metadata"]["namespace"]}
    reference = {key: owner[key] for key in ("apiVersion", "kind")} | {key: owner["metadata"][key] for key in ("name", "uid")}
    labels = {names.MANAGED_BY: "moorage", names.KIND: owner["kind"], names.UID: owner["metadata"]["uid"]}
    owned = {**metadata, "labels": labels, "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}]}
    version = next(known.api_version for known in (*WATCHED, *WRITTEN_ONLY) if known.kind == kind)
    return {"apiVersion": version, "kind": kind, "metadata": owned, **CHILDREN[kind]}


def may(user: Api, verb: str, group: str, resource: str, subresource: str = "", namespace: str = "") -> bool:
    """What the API server says when the user asks what it may do."""
    asked = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": namespace}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}
    answer = user.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def assert_forbidden(call: Callable[[], object]) -> None:
    with pytest.raises(ApiError) as refusal:
        call()
    assert refusal.value.code == 403, refusal.value


@pytest.mark.parametrize("kind", WATCHED, ids=lambda kind: kind.plural)
def test_the_operator_follows_every_kind_that_it_watches(operator: Api, kind) -> None:
    assert operator.request("GET", kind.path(), labelSelector=kind.selector, limit=500)["kind"].endswith("List")
    # Of no object, for other modules' objects would be answered, a document each.
    watch = {"watch": "true", "timeoutSeconds": 1, "fieldSelector": "metadata.name=none", "labelSelector": kind.selector}
    operator.request("GET", kind.path(), **watch)
    assert may(operator, "get", kind.group, kind.plural, namespace="any" if kind.namespaced else "")


def test_every_kind_that_the_operator_writes_is_tested_here() -> None:
    assert {kind.kind for kind in (*WATCHED, *WRITTEN_ONLY)} == {*CHILDREN, *NEVER_APPLIED}


@pytest.mark.parametrize("kind", CHILDREN)
def test_the_operator_applies_every_child_and_again(operator: Api, owner: dict, kind: str) -> None:
    """With owner references that block the owner's deletion, which this API server checks rights for."""
    if kind == "RoleBinding":
        operator.apply(child("Role", owner), names.FIELD_MANAGER)
    first = operator.apply(child(kind, owner), names.FIELD_MANAGER)
    again = operator.apply(child(kind, owner), names.FIELD_MANAGER)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_the_operator_makes_the_volume_and_tells_people(operator: Api, owner: dict) -> None:
    namespace = owner["metadata"]["namespace"]
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "moorage", "namespace": namespace}
    operator.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}, names.FIELD_MANAGER)
    about = {"apiVersion": GROUP_VERSION, "kind": "TrainingJob", "name": "child", "namespace": namespace, "uid": owner["metadata"]["uid"]}
    event = {"type": "Normal", "reason": "Started", "message": "started", "source": {"component": names.FIELD_MANAGER}}
    operator.create(
        {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": namespace}, "involvedObject": about, **event}
    )
    assert may(operator, "create", "", "events", namespace="default"), "events about Tenants go there"
    for verb in ("get", "create", "patch"):
        assert may(operator, verb, "monitoring.coreos.com", "podmonitors", namespace="any")


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.kind)
def test_the_operator_writes_status_and_finalizers_of_every_resource(operator: Api, api: Api, namespace: str, kind) -> None:
    document = next(d for d in good_manifests().values() if d["kind"] == kind.kind)
    metadata = {"name": f"r-{kind.plural}", **({"namespace": namespace} if kind.namespaced else {})}
    stored = api.apply({**document, "metadata": metadata})
    condition = {"type": "Ready", "status": "True", "reason": "Good", "lastTransitionTime": "2026-11-22T08:30:00Z"}
    status = {"apiVersion": GROUP_VERSION, "kind": kind.kind, "metadata": metadata, "status": {"conditions": [condition]}}
    answer = operator.apply(status, names.FIELD_MANAGER, subresource="status")
    assert answer["status"]["conditions"][0]["reason"] == "Good"
    ref = ObjectRef(GROUP_VERSION, kind.kind, metadata["name"], metadata.get("namespace"))
    for finalizers in ([names.PRIVACY_FINALIZER], None):
        change = {"metadata": {"finalizers": finalizers, "resourceVersion": operator.get(ref)["metadata"]["resourceVersion"]}}
        assert operator.patch(ref, change)["metadata"].get("finalizers") == finalizers
    assert operator.get(ref)["metadata"]["uid"] == stored["metadata"]["uid"]


def test_the_operator_takes_its_finalizer_off_a_pod(operator: Api, api: Api, namespace: str, controllers: None) -> None:
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}})
    metadata = {"name": "pod", "namespace": namespace, "finalizers": [names.METERING_FINALIZER]}
    api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "ray", "image": "ray"}]}})
    assert (
        operator.patch(ObjectRef("v1", "Pod", "pod", namespace), {"metadata": {"finalizers": None}})["metadata"].get("finalizers") is None
    )


def test_the_operator_deletes_what_it_made(operator: Api, owner: dict) -> None:
    for kind in ("RayJob", "RayService", "ConfigMap", "ControllerRevision"):
        made = operator.apply(child(kind, owner), names.FIELD_MANAGER)
        ref = ObjectRef(made["apiVersion"], kind, "child", owner["metadata"]["namespace"])
        assert operator.delete(ref, preconditions={"uid": made["metadata"]["uid"]}) is not None


@pytest.mark.parametrize(("verb", "group", "resource", "subresource", "namespace"), FORBIDDEN)
def test_the_operator_may_not(operator: Api, verb: str, group: str, resource: str, subresource: str, namespace: str) -> None:
    assert not may(operator, verb, group, resource, subresource, namespace)


def test_the_operator_gains_nothing_by_making_roles(operator: Api, namespace: str) -> None:
    metadata = {"name": "more", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    assert_forbidden(lambda: operator.apply({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": metadata, "rules": [secrets]}))
    for role in ("cluster-admin", "system:kube-scheduler"):
        binding = {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": NAMESPACE}],
        }
        assert_forbidden(lambda binding=binding: operator.apply(binding))


def test_the_operator_cannot_reach_secrets_or_pods_insides(operator: Api, api: Api, namespace: str) -> None:
    for place in (namespace, NAMESPACE, "kube-system"):
        assert_forbidden(lambda place=place: operator.list("v1", "Secret", place))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine", "namespace": namespace}, "stringData": {"a": "b"}}
    api.create(secret)
    assert_forbidden(lambda: operator.get(ObjectRef("v1", "Secret", "mine", namespace)))
    assert_forbidden(lambda: operator.request("POST", f"/api/v1/namespaces/{namespace}/pods/any/exec?command=sh&stdin=true"))
    assert_forbidden(lambda: operator.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", {"spec": {}}))


def test_the_operator_cannot_delete_what_users_and_the_platform_team_wrote(operator: Api, api: Api, namespace: str) -> None:
    for document in (good_manifests()["tenant-acme"], good_manifests()["priceplan-free"]):
        made = api.apply({**document, "metadata": {"name": f"kept-{document['kind'].lower()}"}})
        assert_forbidden(lambda made=made: operator.delete(ObjectRef(GROUP_VERSION, made["kind"], made["metadata"]["name"])))


def test_with_few_namespaces_the_operator_sees_no_others(
    control_plane: ControlPlane, api: Api, new_namespace: Callable[[str], str]
) -> None:
    """By Roles; rendered for another namespace, applied beside the other release."""
    mine, other = new_namespace("watched"), new_namespace("not watched")
    for document in Helm(control_plane).rendered({"watchNamespaces": [mine], "crds": {"install": False}, "fullnameOverride": "few"}):
        if document["kind"] in ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": document["metadata"].get("namespace", mine)}})
            api.apply(document)
    few = api.acting_as_account(NAMESPACE, "few-operator")
    for kind in WATCHED:
        if kind.namespaced:
            assert may(few, "list", kind.group, kind.plural, namespace=mine)
            assert not may(few, "list", kind.group, kind.plural, namespace=other)
            assert not may(few, "list", kind.group, kind.plural)
        else:
            assert may(few, "list", kind.group, kind.plural)
    assert may(few, "create", "", "events", namespace="default")
    for verb in ("get", "patch"):
        assert may(few, verb, "moorage.dev", "trainingjobs", namespace=other), "those that it knows, once their namespace goes"


def test_the_ledger_reviews_tokens_and_may_do_nothing_else(control_plane: ControlPlane, chart: None) -> None:
    ledger = control_plane.admin.with_token(control_plane.account_token(NAMESPACE, LEDGER))
    token = control_plane.account_token(NAMESPACE, OPERATOR, "moorage-ledger")
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token, "audiences": ["moorage-ledger"]}}
    answer = ledger.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert answer["status"]["user"]["username"] == f"system:serviceaccount:{NAMESPACE}:{OPERATOR}"
    for verb, group, resource in (
        ("get", "", "secrets"),
        ("list", "", "pods"),
        ("list", "moorage.dev", "tenants"),
        ("get", "", "configmaps"),
    ):
        assert not may(ledger, verb, group, resource, namespace=NAMESPACE)


def test_the_administrators_account_may_do_nothing_here(control_plane: ControlPlane, chart: None) -> None:
    administrator = control_plane.admin.acting_as_account(NAMESPACE, ADMINISTRATOR)
    for verb, group, resource in (("get", "", "secrets"), ("list", "moorage.dev", "tenants"), ("get", "", "configmaps"), ("*", "*", "*")):
        assert not may(administrator, verb, group, resource, namespace=NAMESPACE)


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_people_with_the_clusters_own_roles_work_with_moorage(api: Api, chart: None, controllers: None, namespace: str, role: str) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": f"{role}or"}],
    }
    api.apply(binding)
    person = api.acting_as(f"{role}or")
    eventually(lambda: may(person, "list", "moorage.dev", "trainingjobs", namespace=namespace), 20, "the roles are aggregated")
    writes = role != "view"
    for resource in ("trainingjobs", "modelservices", "datasets"):
        assert may(person, "create", "moorage.dev", resource, namespace=namespace) == writes
        assert may(person, "delete", "moorage.dev", resource, namespace=namespace) == writes
        assert not may(person, "patch", "moorage.dev", resource, "status", namespace), "what the operator reports"
    assert may(person, "patch", "moorage.dev", "modelservices", "scale", namespace) == writes
    assert not may(person, "create", "moorage.dev", "tenants")
    document = {**good_manifests()["trainingjob-least"], "metadata": {"name": "theirs", "namespace": namespace}}
    if writes:
        person.create(document)
    else:
        assert_forbidden(lambda: person.create(document))
