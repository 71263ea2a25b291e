"""Every name, label, annotation and selector of what the operator makes. User labels never reach a selector. Pure."""

from __future__ import annotations

from typing import Any

from moorage_api.base import API_VERSION, GROUP
from moorage_api.meta import Resource

FIELD_MANAGER = "moorage-operator"

MANAGED_BY = "app.kubernetes.io/managed-by"
PART_OF = "app.kubernetes.io/part-of"
KIND = f"{GROUP}/kind"
NAME = f"{GROUP}/name"
UID = f"{GROUP}/uid"
TENANT = f"{GROUP}/tenant"
POOL = f"{GROUP}/node-pool"
ROLE = f"{GROUP}/role"
"""A label on Ray pods: `head` or `worker`."""
DOCUMENT = f"{GROUP}/document"
"""A label on ConfigMaps: which of Moorage's documents they hold."""

ATTEMPT = f"{GROUP}/attempt"
RUN = f"{GROUP}/run"
POLICY = f"{GROUP}/policy"
"""An annotation on RayJobs: what of runPolicy was applied with it; a change of it is applied to a RayJob that stands already."""
REVISION = f"{GROUP}/revision"
HEALTHY = f"{GROUP}/healthy"
"""An annotation on ControllerRevisions: since when the revision last took the traffic."""
CLUSTER = f"{GROUP}/ray-cluster"
"""An annotation on ControllerRevisions: the Ray cluster in which the revision last took the traffic."""
ROLLOUT_STARTED = f"{GROUP}/rollout-started"
"""An annotation on ControllerRevisions: when the rollout that is under way began."""
FAILING_SINCE = f"{GROUP}/failing-since"
"""An annotation on ControllerRevisions: since when Ray Serve says that it cannot deploy what is being rolled out."""
FAILED = f"{GROUP}/failed"
"""An annotation on ControllerRevisions: why the rollout was given up. Remove it to have the revision tried again."""
SERVED = f"{GROUP}/served"
"""An annotation on serving pods: a digest of what their replicas are told, so that no replica is told anything else in place."""
NEEDS = f"{GROUP}/needs"
"""An annotation on RayServices: a digest of the objects that have to stand before it."""

APPLIED = f"{GROUP}/applied"
"""An annotation on children: a digest of the manifest that was applied, so that an unchanged one is not applied again."""

METERING_FINALIZER = f"{GROUP}/metering"
"""On Ray pods: the pod's last second is not in the ledger yet."""
PRIVACY_FINALIZER = f"{GROUP}/privacy"
"""On TrainingJobs under a budget: what the run spent is not settled yet."""

REPORT_DOCUMENT = "report"
CHILD_SELECTOR = f"{MANAGED_BY}=moorage,{KIND}"
"""Selects what the operator watches of pods, RayJobs and RayServices."""
REPORT_SELECTOR = f"{MANAGED_BY}=moorage,{DOCUMENT}={REPORT_DOCUMENT}"
"""Selects the ConfigMaps that jobs report in."""
VOLUME_SELECTOR = f"{MANAGED_BY}=moorage"
"""Selects the claims of namespaces' volumes, as far as the operator made them."""

VOLUME_PATH = "/var/lib/moorage"
"""Where the namespace's volume is mounted in training and serving pods."""
SETTINGS_PATH = "/etc/moorage"
"""Where a pod's own documents are mounted."""
LEDGER_TOKEN_FOLDER = "/var/run/secrets/moorage/ledger"  # noqa: S105 (a folder, not a secret)
RUNTIME_FOLDER = "/run/moorage"
"""A pod's own disk, shared by its containers."""


def labels_of(owner: Resource, tenant: str) -> dict[str, str]:
    """The labels of every child of `owner`, pods included."""
    kind: Any = getattr(owner, "kind", "")
    return {
        MANAGED_BY: "moorage",
        PART_OF: "moorage",
        KIND: str(kind),
        NAME: owner.metadata.name,
        UID: owner.metadata.uid or "",
        TENANT: tenant,
    }


def owner_reference(owner: Resource) -> dict[str, Any]:
    """The controller reference from a child to `owner`: it goes when its owner goes."""
    return {
        "apiVersion": API_VERSION,
        "kind": str(getattr(owner, "kind", "")),
        "name": owner.metadata.name,
        "uid": owner.metadata.uid or "",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_selector(owner: Resource) -> dict[str, str]:
    """What selects the pods of `owner`, and no others."""
    return {UID: owner.metadata.uid or ""}


def run_config_map(job: str) -> str:
    """Holds the run's RunConfig."""
    return f"{job}-run"


def report_config_map(job: str) -> str:
    """What the job reports in."""
    return f"{job}-report"


def admission_config_map(job: str) -> str:
    """Holds the privacy ledger's answer."""
    return f"{job}-admission"


def training_account(job: str) -> str:
    """The ServiceAccount, Role, RoleBinding and NetworkPolicy of a TrainingJob."""
    return f"{job}-training"


def serving_account(service: str) -> str:
    """The ServiceAccount, NetworkPolicy and PodMonitor of a ModelService."""
    return f"{service}-serving"


def revision_name(service: str, revision: int) -> str:
    """The ControllerRevision of a ModelService's revision."""
    return f"{service}-{revision}"


def agent_config_map(service: str) -> str:
    """Holds the AgentConfig of a ModelService's pods."""
    return f"{service}-agent"
