"""Everything in a namespace, without what differs between two equal histories: uids, times, generated names."""

from __future__ import annotations

import json
import re
from typing import Any

from apiserver.api import Api

from moorage_api.base import API_VERSION
from moorage_operator import names

Body = dict[str, Any]
KINDS = (
    (API_VERSION, "Dataset"),
    (API_VERSION, "ModelService"),
    (API_VERSION, "TrainingJob"),
    ("apps/v1", "ControllerRevision"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("ray.io/v1", "RayCluster"),
    ("ray.io/v1", "RayJob"),
    ("ray.io/v1", "RayService"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("v1", "ConfigMap"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
)
_KUBERNETES_OWN = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)|\d\d:\d\d:\d\d UTC")
_GENERATED = re.compile(r"-[0-9a-f]{5}\b(?!-)|-[0-9a-f]{5}(?=-(head|worker|[a-z]+-worker))")
_VARIES = {"activeSeconds", "cost", "jobId", "ray.io/hash-without-replicas-and-workers-to-delete", names.APPLIED, names.NEEDS, names.SERVED}
"""Amounts of time, and digests of what contains a uid."""


def snapshot(api: Api, namespace: str) -> dict[str, Any]:
    """By kind and name."""
    bodies = [body for version, kind in KINDS for body in api.list(version, kind, namespace)]
    bodies = [body for body in bodies if (body["kind"], body["metadata"]["name"]) not in _KUBERNETES_OWN]
    uids = {body["metadata"]["uid"]: f"<uid of {body['kind']} {_plain(body['metadata']['name'], namespace)}>" for body in bodies}
    found: dict[str, Any] = {}
    for body in bodies:
        key = f"{body['kind']} {_plain(body['metadata']['name'], namespace)}"
        number = sum(1 for known in found if known.split(" #")[0] == key)
        found[key if not number else f"{key} #{number + 1}"] = _normalised(_essence(body), namespace, uids)
    return found


def events(api: Api, namespace: str) -> list[str]:
    """What people were told."""
    told = api.list("v1", "Event", namespace)
    return sorted(_plain(f"{e['involvedObject']['kind']} {e['type']} {e['reason']}: {e['message']}", namespace) for e in told)


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Where two snapshots differ, a line each."""
    lines = [f"missing: {key}" for key in expected if key not in found] + [f"too much: {key}" for key in found if key not in expected]
    for key in expected:
        if key in found:
            lines += [f"{key}{path}: {one!r} became {other!r}" for path, one, other in _unlike(expected[key], found[key], "")]
    return lines


def _unlike(one: Any, other: Any, path: str) -> list[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [line for key in keys for line in _unlike(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for index in range(len(one)) for line in _unlike(one[index], other[index], f"{path}[{index}]")]
    return [] if one == other else [(path, one, other)]


def _essence(body: Body) -> Body:
    metadata = body["metadata"]
    kept = {
        key: metadata[key] for key in ("name", "labels", "annotations", "finalizers", "ownerReferences", "generation") if key in metadata
    }
    kept["deleting"] = "deletionTimestamp" in metadata
    kept["managers"] = sorted({f"{field['manager']} {field.get('subresource', '')}".strip() for field in metadata.get("managedFields", [])})
    return {"metadata": kept, **{key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata")}}


def _normalised(value: Any, namespace: str, uids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        pairs = {key: "<varies>" if key in _VARIES else _normalised(item, namespace, uids) for key, item in value.items()}
        return {_plain(key, namespace): item for key, item in pairs.items()}
    if isinstance(value, list):
        return [_normalised(item, namespace, uids) for item in value]
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        try:
            return _normalised(json.loads(value), namespace, uids)
        except ValueError:
            pass
    for uid, name in uids.items():
        value = value.replace(uid, name)
    return _plain(value, namespace)


def _plain(text: str, namespace: str) -> str:
    return _GENERATED.sub("-*", _TIME.sub("<time>", text.replace(namespace, "<namespace>")))
