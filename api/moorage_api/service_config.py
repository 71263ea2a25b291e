"""The document that serving is started with: `python -m moorage_serving SERVE.json`. Paths are absolute."""

from __future__ import annotations

from typing import Literal

from moorage_api.base import ApiModel, Digest, Text, Timestamp
from moorage_api.model_service import Access, Batching, Replicas, ServiceResources
from moorage_api.usage import Subject


class ServiceConfig(ApiModel):
    """One ModelService as its replicas know it."""

    subject: Subject
    """Which ModelService; its name is the model's name in the Open Inference Protocol."""
    tenant: str
    """Who pays for the replicas' time."""
    route_prefix: Text
    """Where it answers below the ingress, e.g. `/default/digits`."""
    artifact: Text
    """The artifact's folder."""
    digest: Digest
    """The digest that the artifact must have."""
    replicas: Replicas = Replicas()
    """How many copies answer."""
    batching: Batching = Batching()
    """Requests that are run together."""
    resources: ServiceResources = ServiceResources()
    """What each replica holds."""
    access: Access
    """Who may call."""
    access_policy: Text
    """The AccessPolicy's file; re-read within two seconds of a change."""
    policy_required: bool = False
    """Whether a replica answers only once there is a policy: on a cluster whoever writes it starts at the same time as the replica."""
    outbox: Text
    """A folder of this service's own; each replica keeps its outbox there."""
    ledger: Text
    """The ledger's SQLAlchemy URL, e.g. `sqlite:////home/me/.moorage/ledger.db`."""


class ServiceUpdate(ApiModel):
    """What changes of a running service in place, as Ray Serve's `user_config`: applied before the first request, and at each change."""

    access: Access
    """Who may call, in place of the ServiceConfig's."""


class ServingConfig(ApiModel):
    """Everything that one Ray Serve instance hosts."""

    version: Literal["moorage.dev/serving.v1"] = "moorage.dev/serving.v1"
    """Of this document."""
    host: str = "127.0.0.1"
    """The address that the ingress listens on."""
    port: int
    """The port of it."""
    services: list[ServiceConfig]
    """The services that it hosts."""
    status: Text
    """The file that the host writes ServingStatus to, atomically."""


class ServiceState(ApiModel):
    """How one service stands."""

    name: str
    """`namespace/name`."""
    ready: bool
    """Whether it answers."""
    url: str
    """Where it answers."""
    message: str = ""
    """Why it is not ready."""
    replicas: int = 0
    """Replicas that are running."""


class ServingStatus(ApiModel):
    """How the host stands."""

    version: Literal["moorage.dev/servingstatus.v1"] = "moorage.dev/servingstatus.v1"
    """Of this document."""
    updated_at: Timestamp
    """When it was written; the host rewrites it while it lives."""
    services: list[ServiceState]
    """Each service that the host was told to host."""
