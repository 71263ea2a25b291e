"""The document of the agent beside the replicas in each pod of a ModelService: `python -m moorage_serving.cluster.agent --config FILE`.

Paths are absolute. The file is read again when it changes, and then `tenants` is followed; the rest is what the agent started with.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Name, Text
from moorage_api.usage import Subject

METRICS_PORT = 9095
POD_VARIABLE = "MOORAGE_POD"
"""The environment variable with the pod's uid (or name), under which what it could not ship is kept; else the host's name is taken."""


class AgentConfig(ApiModel):
    """Everything that an agent needs to know."""

    version: Literal["moorage.dev/agent.v1"] = "moorage.dev/agent.v1"
    """Of this document."""
    subject: Subject
    """The ModelService."""
    tenants: list[Name]
    """Who may call: the tenants whose keys and limits are fetched."""
    ledger: Text
    """The URL of the ledger's service, e.g. `http://moorage-ledger.moorage-system:8080`."""
    access_policy: Text
    """The file that the replicas of this pod follow; written whole or not at all."""
    outbox: Text
    """The folder of the outboxes of this pod's replicas, on the pod's own disk."""
    spill: Text
    """A folder on the volume that all pods of the namespace share: what a pod that has to go could not ship is kept there for others."""
    metrics: Text
    """The replicas' MOORAGE_METRICS_FOLDER, on the pod's own disk."""
    port: Annotated[int, Field(ge=0, le=65535)] = METRICS_PORT
    """Where `/metrics`, `/healthz` and `/readyz` are answered; 0 is any free one."""
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 20.0
    """How long the ledger is waited for when the pod has to go, before what is left is put into `spill`."""
