"""The kinds that the operator reads or writes, and where the API server has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from moorage_api.base import API_VERSION
from moorage_operator.names import CHILD_SELECTOR, REPORT_SELECTOR, VOLUME_SELECTOR


@dataclass(frozen=True)
class Kind:
    """selector: of the labels that a watched object of the kind has; None: every object is watched."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    selector: str | None = None

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version in the group."""
        return self.api_version.rpartition("/")[2]

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether its selector takes an object with these labels."""
        for term in (self.selector or "").split(","):
            label, equals, value = term.partition("=")
            if label and (label not in labels or (equals and labels[label] != value)):
                return False
        return True

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL's path of a collection (all namespaces where none is given), an object, or its subresource."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        within = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        below = "".join(f"/{quote(part)}" for part in (name, subresource) if part)
        return f"{root}{within}/{self.plural}{below}"


RESOURCES = (
    Kind(API_VERSION, "Dataset", "datasets"),
    Kind(API_VERSION, "ModelService", "modelservices"),
    Kind(API_VERSION, "PricePlan", "priceplans", namespaced=False),
    Kind(API_VERSION, "Tenant", "tenants", namespaced=False),
    Kind(API_VERSION, "TrainingJob", "trainingjobs"),
)
CHILDREN = (
    Kind("apps/v1", "ControllerRevision", "controllerrevisions", selector=CHILD_SELECTOR),
    Kind("ray.io/v1", "RayCluster", "rayclusters", selector=CHILD_SELECTOR),
    Kind("ray.io/v1", "RayJob", "rayjobs", selector=CHILD_SELECTOR),
    Kind("ray.io/v1", "RayService", "rayservices", selector=CHILD_SELECTOR),
    Kind("v1", "ConfigMap", "configmaps", selector=REPORT_SELECTOR),
    Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", selector=VOLUME_SELECTOR),
    Kind("v1", "Pod", "pods", selector=CHILD_SELECTOR),
)
WATCHED = (*RESOURCES, *CHILDREN)
WRITTEN_ONLY = (
    Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Kind("v1", "Event", "events"),
    Kind("v1", "Service", "services"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
)
_BY_KIND = {(one.api_version, one.kind): one for one in (*WATCHED, *WRITTEN_ONLY)}


def kind_of(api_version: str, kind: str) -> Kind:
    """Raises KeyError for a kind that the operator has nothing to do with."""
    return _BY_KIND[api_version, kind]


def is_watched(body: Mapping[str, Any]) -> bool:
    """Whether the watches tell of this object."""
    kind = _BY_KIND.get((body["apiVersion"], body["kind"]))
    return kind in WATCHED and kind.takes(body["metadata"].get("labels") or {})
