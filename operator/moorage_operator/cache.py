"""What the watches have seen, in memory: the newest body of every watched object, without what nobody here reads."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from moorage_api.manifest import KINDS, AnyResource
from moorage_operator import names

Body = dict[str, Any]
Key = tuple[str, str]
"""(namespace, name); the namespace of a cluster-scoped object is empty."""

TOMBSTONES = 4096
_METADATA = ("name", "namespace", "uid", "resourceVersion", "generation", "labels", "annotations", "creationTimestamp")
_METADATA_KEPT = (*_METADATA, "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers")


class Cache:
    """Objects by kind and key. `put` is for events and for answers to own writes alike: the newer resourceVersion stays."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Key, Body]] = defaultdict(dict)
        self._by_owner: dict[tuple[str, str], set[Key]] = defaultdict(set)
        self._parsed: dict[tuple[str, Key], tuple[str, AnyResource | None]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.costs: dict[str, str] = {}
        """By uid of a TrainingJob: its cost so far, as the ledger last said."""
        self.refusals: dict[str, str] = {}
        """By holder: the privacy ledger's last refusal."""

    def put(self, body: Body) -> bool:
        """Take a body; False if it is no newer than what is known, or of an object that is gone."""
        kind, key, metadata = body["kind"], key_of(body), body["metadata"]
        if metadata.get("uid") in self._gone:
            return False
        known = self._objects[kind].get(key)
        if known is not None and _version(known) >= _version(body) and known["metadata"].get("uid") == metadata.get("uid"):
            return False
        if known is not None:
            self._forget(kind, key, known)
        self._objects[kind][key] = _projected(body)
        if owner := _owner(body):
            self._by_owner[kind, owner].add(key)
        return True

    def remove(self, body: Body) -> None:
        """The object is gone; nothing older brings it back."""
        kind, key, uid = body["kind"], key_of(body), body["metadata"].get("uid", "")
        self._gone[uid] = None
        while len(self._gone) > TOMBSTONES:
            self._gone.popitem(last=False)
        known = self._objects[kind].get(key)
        if known is not None and known["metadata"].get("uid") == uid:
            self._forget(kind, key, known)
            del self._objects[kind][key]

    def get(self, kind: str, namespace: str | None, name: str) -> Body | None:
        """The object's body, or None."""
        return self._objects[kind].get((namespace or "", name))

    def all(self, kind: str) -> Iterable[Body]:
        """Every object of the kind."""
        return list(self._objects[kind].values())

    def within(self, namespace: str) -> list[Body]:
        """Every object in the namespace."""
        return [body for bodies in self._objects.values() for (where, _), body in bodies.items() if where == namespace]

    def owned(self, kind: str, uid: str) -> list[Body]:
        """The children of a kind that carry the owner's uid as a label, by name."""
        keys = sorted(self._by_owner.get((kind, uid), ()))
        return [self._objects[kind][key] for key in keys if key in self._objects[kind]]

    def resource(self, kind: str, namespace: str | None, name: str) -> AnyResource | None:
        """One of the five resources as its model; None if it is not there, or (written past the API server's checks) not valid."""
        key = (namespace or "", name)
        body = self._objects[kind].get(key)
        return None if body is None else self._model(kind, key, body)

    def resources(self, kind: str) -> list[AnyResource]:
        """Every valid one of one of the five kinds."""
        found = (self._model(kind, key, body) for key, body in self._objects[kind].items())
        return [model for model in found if model is not None]

    def _forget(self, kind: str, key: Key, body: Body) -> None:
        """Take the object out of what is derived from it."""
        self._parsed.pop((kind, key), None)
        if owner := _owner(body):
            self._by_owner[kind, owner].discard(key)
            if not self._by_owner[kind, owner]:
                del self._by_owner[kind, owner]

    def _model(self, kind: str, key: Key, body: Body) -> AnyResource | None:
        version = body["metadata"].get("resourceVersion", "")
        cached = self._parsed.get((kind, key))
        if cached is None or cached[0] != version:
            try:
                cached = (version, KINDS[kind].from_wire(body))
            except ValidationError:
                cached = (version, None)
            self._parsed[kind, key] = cached
        return cached[1]


def key_of(body: Body) -> Key:
    """(namespace or "", name)."""
    return body["metadata"].get("namespace") or "", body["metadata"]["name"]


def _owner(body: Body) -> str | None:
    owner: str | None = (body["metadata"].get("labels") or {}).get(names.UID)
    return owner


def _version(body: Body) -> int:
    """Opaque by the API's contract, a counter in fact since Kubernetes 1.35 promises comparable ones; 0 where it is none."""
    text = body["metadata"].get("resourceVersion") or "0"
    return int(text) if text.isdigit() else 0


def _projected(body: Body) -> Body:
    """The parts that are read here. A RayJob's spec alone would take a hundred kilobytes of memory."""
    metadata = {field: body["metadata"][field] for field in _METADATA_KEPT if field in body["metadata"]}
    kept: Body = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata}
    kind = body["kind"]
    if kind in KINDS:
        return {**kept, **{field: body[field] for field in ("spec", "status") if field in body}}
    if kind == "ConfigMap":
        return {**kept, "data": body.get("data") or {}}
    if kind == "Pod":
        return {**kept, "spec": _pod_spec(body.get("spec") or {}), "status": body.get("status") or {}}
    if kind == "ControllerRevision":
        return {**kept, "revision": body.get("revision") or 0, "data": body.get("data") or {}}
    if kind == "RayCluster":
        return {**kept, "spec": {"workerGroupSpecs": _group_sizes(body.get("spec") or {})}}
    return {**kept, "status": body.get("status") or {}}


def _group_sizes(spec: Body) -> list[Body]:
    fields = ("groupName", "replicas", "minReplicas", "maxReplicas")
    return [{field: group[field] for field in fields if field in group} for group in spec.get("workerGroupSpecs") or ()]


def _pod_spec(spec: Body) -> Body:
    def slim(container: Body) -> Body:
        return {field: container[field] for field in ("name", "resources", "restartPolicy") if field in container}

    kept = {field: [slim(c) for c in spec.get(field) or ()] for field in ("containers", "initContainers")}
    return {**kept, "nodeName": spec.get("nodeName"), "nodeSelector": spec.get("nodeSelector") or {}}
