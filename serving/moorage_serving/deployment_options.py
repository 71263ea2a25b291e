"""What Ray Serve is told of a service's replicas and resources."""

from __future__ import annotations

from typing import Any

from moorage_api.service_config import ServiceConfig

HEALTH_CHECK_PERIOD_SECONDS = 1.0
"""A replica that died is noticed, and a new one started, within about this time."""
DRAIN_POLL_SECONDS = 0.2
STOP_WITHIN_SECONDS = 20.0
"""The longest that requests in work may take once their replica is told to go."""
SURGE_PERCENT = 100
"""New replicas start beside the old ones, which go once these answer: a change fails no request."""
_BYTES = {"Mi": 2**20, "Gi": 2**30}


def deployment_options(config: ServiceConfig) -> dict[str, Any]:
    """The deployment's options; pure."""
    replicas, resources = config.replicas, config.resources
    actor: dict[str, Any] = {"num_cpus": resources.cpus_per_replica, "num_gpus": resources.gpus_per_replica}
    if resources.memory_per_replica is not None:
        actor["memory"] = int(resources.memory_per_replica[:-2]) * _BYTES[resources.memory_per_replica[-2:]]
    options: dict[str, Any] = {
        "ray_actor_options": actor,
        "max_ongoing_requests": replicas.max_ongoing_requests,
        "health_check_period_s": HEALTH_CHECK_PERIOD_SECONDS,
        "max_surge_percent": SURGE_PERCENT,
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
