"""The volume of a namespace: run folders, artifacts, outboxes. It has no owner, for what is on it outlives every job."""

from __future__ import annotations

from typing import Any

from moorage_operator import names
from moorage_operator.plan import Manifest
from moorage_operator.settings import OperatorSettings


def volume_claim(namespace: str, settings: OperatorSettings) -> Manifest:
    """The PersistentVolumeClaim that training and serving pods of the namespace mount."""
    storage = settings.storage
    spec: dict[str, Any] = {"accessModes": list(storage.access_modes), "resources": {"requests": {"storage": storage.size}}}
    if storage.storage_class_name is not None:
        spec["storageClassName"] = storage.storage_class_name
    labels = {names.MANAGED_BY: "moorage", names.PART_OF: "moorage"}
    metadata = {"name": storage.claim, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
