"""The Ray that training runs on: the cluster of RAY_ADDRESS, else one of its own on this machine."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Self

from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.training_job import TrainingResources
from moorage_training.stopping import raise_on_signals

OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Workers read records from their source; the object store carries next to nothing."""

LOOPBACK = "127.0.0.1"
"""A Ray of one machine is nobody else's business, and needs no network to find its own address by."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",
    # One more process that imports torch, to wait until somebody drains a Ray node. Nobody does: Kubernetes tells a pod that has to go.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}
ALONE = {"RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.25"}
"""Few workers can be looked at often."""


class RaySession:
    """Ray, started or joined in the background, and left again.

    Starting takes seconds in which mostly other processes work. The thread that starts Ray lives as long as the session:
    the kernel ends Ray's processes with it, and so with this process, however that ends.
    """

    def __init__(self, resources: TrainingResources) -> None:
        self._resources, self._joined = resources, bool(os.environ.get("RAY_ADDRESS"))
        self._thread = ThreadPoolExecutor(1)
        self._started: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._started is not None:
            import ray

            try:
                wait([self._started])
            finally:
                ray.shutdown()
                self._thread.shutdown()

    def begin(self) -> None:
        """Begin to start, without waiting. Raises InvalidInput if this machine is too small."""
        if self._started is not None:
            return
        if not self._joined:
            _require_fit(self._resources)
        for name, value in (QUIET if self._joined else {**QUIET, **ALONE}).items():
            os.environ.setdefault(name, value)
        import ray  # noqa: F401  # whole before a second thread uses it

        self._started = self._thread.submit(_start, self._joined)

    def ready(self) -> None:
        """Wait until Ray is there, begun or not. Raises InvalidInput if it lacks accelerators."""
        self.begin()
        if self._started is not None:
            self._started.result()
        raise_on_signals()  # Ray has just set a handler of its own, which would end the process with a word too many
        if not self._joined:
            import ray

            _require_accelerators(self._resources, ray.cluster_resources())  # type: ignore[no-untyped-call]


def _start(joined: bool) -> None:
    import ray

    if joined:
        _join()
        return
    ray.init(
        address="local",
        num_cpus=_cpus_here(),
        runtime_env=_python_of_workers(),
        include_dashboard=False,
        _node_ip_address=LOOPBACK,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE_BYTES,
    )


def _join() -> None:
    """Raises Unavailable. With RAY_AUTH_MODE=token the token is RAY_AUTH_TOKEN's, which Ray reads for itself."""
    import ray

    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # ConnectionError, RuntimeError, errors of its own: Ray's causes are many
        logging.getLogger(__name__).error("cannot join Ray", exc_info=error)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        address = os.environ["RAY_ADDRESS"]
        raise Unavailable(Problem(f"cannot be joined: {reason}", f"Ray at {address}", remedy="run it again to resume")) from error


def _python_of_workers() -> dict[str, str]:
    """Ray hands the path of Python to a shell as it is; one with a space in it has to be quoted before."""
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"py_executable": quoted}


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
