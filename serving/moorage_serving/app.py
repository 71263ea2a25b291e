"""The Ray Serve application of one ModelService: `moorage_serving.app:build`, for the local host and for a RayService alike."""

from __future__ import annotations

import sys
from typing import Any

from ray import serve
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from moorage_api.service_config import ServiceConfig, ServiceUpdate
from moorage_serving.deployment_options import deployment_options
from moorage_serving.http.last_request import answer_last_requests
from moorage_serving.replica import Replica

DEPLOYMENT = "Model"
SWITCH_SECONDS = 0.0005
"""How long the event loop may keep Python's global lock while the outbox's writer, whose commit callers wait for, wants it; else 5 ms."""


@serve.ingress(None)
class ModelReplica:
    """What Ray Serve holds: a Replica, made where it runs."""

    def __init__(self, service: dict[str, Any]) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        answer_last_requests(AutoHTTPProtocol)
        context = serve.get_replica_context()
        self._replica = Replica(ServiceConfig.from_wire(service), context.replica_id.unique_id, _running_replicas)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Ray Serve calls it before the first request and at each change. Raises pydantic's ValidationError."""
        self._replica.update(ServiceUpdate.from_wire(user_config))

    def __serve_build_asgi_app__(self) -> Replica:
        return self._replica


def _running_replicas() -> int:
    return max(1, serve.get_replica_context().world_size)


def build(args: dict[str, Any]) -> serve.Application:
    """`args`: a ServiceConfig as it is on the wire. Raises pydantic's ValidationError."""
    config = ServiceConfig.from_wire(args)
    deployment = serve.deployment(name=DEPLOYMENT, **deployment_options(config))(ModelReplica)
    application: serve.Application = deployment.bind(config.to_wire())
    return application
