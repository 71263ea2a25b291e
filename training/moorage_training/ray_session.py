"""The Ray that training runs on: the cluster of RAY_ADDRESS, else one of its own on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from moorage_api.errors import InvalidInput, Problem
from moorage_api.training_job import TrainingResources
from moorage_training.stopping import raise_on_signals

OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Workers read records from their source; the object store carries next to nothing."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.25",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",
}
ALONE = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}
"""No node is taken back on one machine, and the watcher is one more process that imports torch."""


@contextmanager
def ray_session(resources: TrainingResources) -> Iterator[None]:
    """Ray, started or joined, and left again. Raises InvalidInput if this machine is too small for `resources`."""
    joined = bool(os.environ.get("RAY_ADDRESS"))
    for name, value in (QUIET if joined else {**QUIET, **ALONE}).items():
        os.environ.setdefault(name, value)
    import ray

    if joined:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    else:
        _require_fit(resources)
        ray.init(
            address="local",
            num_cpus=_cpus_here(),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
        )
    raise_on_signals()  # Ray has just set a handler of its own, which would end the process without a word
    try:
        if not joined:
            _require_accelerators(resources, ray.cluster_resources())  # type: ignore[no-untyped-call]
        yield
    finally:
        ray.shutdown()


def _cpus_here() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def _require_fit(resources: TrainingResources) -> None:
    needed, there = resources.workers * resources.cpus_per_worker, _cpus_here()
    if needed > there:
        raise InvalidInput(
            Problem(
                f"{resources.workers} workers with {resources.cpus_per_worker} CPUs each need {needed}, and this machine has {there}",
                "resources",
                "workers",
                str(resources.workers),
                "use fewer workers or CPUs per worker, or a cluster",
            )
        )


def _require_accelerators(resources: TrainingResources, there: dict[str, float]) -> None:
    needed = resources.workers * resources.gpus_per_worker
    if needed > there.get("GPU", 0):
        raise InvalidInput(
            Problem(
                f"{needed} GPUs are needed, and this machine has {there.get('GPU', 0):g}",
                "resources",
                "gpusPerWorker",
                str(resources.gpus_per_worker),
                "use 0, or a cluster with GPUs",
            )
        )
