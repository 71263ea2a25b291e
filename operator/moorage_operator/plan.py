"""What `decide` may ask for. A Plan is data: equal observations give equal plans, and applying one twice changes nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from moorage_api.dataset import PrivacyBudget
from moorage_api.privacy import PrivacyMechanism
from moorage_api.usage import UsageEvent

Manifest = dict[str, Any]


@dataclass(frozen=True)
class ObjectRef:
    """One object of the cluster. namespace: None for a cluster-scoped one."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


@dataclass(frozen=True)
class Apply:
    """Server-side apply these manifests, concurrently; what follows in the plan waits for all of them.

    optional: a kind that the cluster does not know (a PodMonitor without its CRD) is passed over. existing_stays: an object that is
    there already is left as it is, whoever made it. likely_absent: a create is tried first, which costs the API server half as much;
    for objects that always have the same fields, since no later apply takes away a field that a create has set.
    """

    manifests: tuple[Manifest, ...]
    optional: bool = False
    existing_stays: bool = False
    likely_absent: bool = False


@dataclass(frozen=True)
class Delete:
    """Delete the object if it still has this uid; one that is gone is no error."""

    ref: ObjectRef
    uid: str
    propagation: Literal["Background", "Foreground"] = "Background"


@dataclass(frozen=True)
class Patch:
    """JSON-patch (RFC 6902) an object that is somebody else's, if it still has this uid; one that is gone is no error."""

    ref: ObjectRef
    uid: str
    operations: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class SetFinalizers:
    """Replace the object's finalizers, if its resourceVersion is still this one."""

    ref: ObjectRef
    finalizers: tuple[str, ...]
    resource_version: str


@dataclass(frozen=True)
class SetStatus:
    """Server-side apply the whole status."""

    ref: ObjectRef
    status: dict[str, Any]


@dataclass(frozen=True)
class Record:
    """An Event on the object (uid), for people: on transitions only. type: Normal or Warning."""

    ref: ObjectRef
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Reserve:
    """Ask the privacy ledger to hold a mechanism. The answer is observed as a holding, or as a refusal, at the next look."""

    uri: str
    label: str
    budget: PrivacyBudget
    holder: str
    job_ref: str
    mechanism: PrivacyMechanism


@dataclass(frozen=True)
class Settle:
    """Charge what a holder executed; None: nobody knows, so the whole of what it holds. No steps: nothing is charged."""

    holder: str
    executed: PrivacyMechanism | None


@dataclass(frozen=True)
class PutEvents:
    """Append usage events to the ledger."""

    events: tuple[UsageEvent, ...]


Action = Apply | Delete | Patch | SetFinalizers | SetStatus | Record | Reserve | Settle | PutEvents


@dataclass(frozen=True)
class Plan:
    """Actions in their order, and when to look again at the latest (None: when something changes)."""

    actions: tuple[Action, ...] = ()
    look_again_seconds: float | None = None
