"""The Ray Serve application of one ModelService: `moorage_serving.app:build`, for the local host and for a RayService alike."""

from __future__ import annotations

from typing import Any

from ray import serve

from moorage_api.service_config import ServiceConfig
from moorage_serving.replica import Replica

DEPLOYMENT = "Model"
HEALTH_CHECK_PERIOD_SECONDS = 1.0
"""A replica that died is noticed, and a new one started, within about this time."""
DRAIN_POLL_SECONDS = 0.2
STOP_WITHIN_SECONDS = 20.0
"""The longest that requests in work may take once their replica is told to go."""
_BYTES = {"Mi": 2**20, "Gi": 2**30}


@serve.ingress(None)
class ModelReplica:
    """What Ray Serve holds: a Replica, made where it runs."""

    def __init__(self, service: dict[str, Any]) -> None:
        context = serve.get_replica_context()
        self._replica = Replica(ServiceConfig.from_wire(service), context.replica_id.unique_id, _running_replicas)

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


def deployment_options(config: ServiceConfig) -> dict[str, Any]:
    """What Ray Serve is told of replicas and resources; pure."""
    replicas, resources = config.replicas, config.resources
    actor: dict[str, Any] = {"num_cpus": resources.cpus_per_replica, "num_gpus": resources.gpus_per_replica}
    if resources.memory_per_replica is not None:
        actor["memory"] = int(resources.memory_per_replica[:-2]) * _BYTES[resources.memory_per_replica[-2:]]
    options: dict[str, Any] = {
        "ray_actor_options": actor,
        "max_ongoing_requests": replicas.max_ongoing_requests,
        "health_check_period_s": HEALTH_CHECK_PERIOD_SECONDS,
        "graceful_shutdown_wait_loop_s": DRAIN_POLL_SECONDS,
        "graceful_shutdown_timeout_s": STOP_WITHIN_SECONDS,
    }
    if replicas.max is None or replicas.max == replicas.min:
        return options | {"num_replicas": replicas.min}
    return options | {
        "autoscaling_config": {
            "min_replicas": replicas.min,
            "max_replicas": replicas.max,
            "target_ongoing_requests": replicas.target_ongoing_requests,
        }
    }
