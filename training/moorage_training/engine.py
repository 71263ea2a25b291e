"""Training on Ray: workers started, watched, made up for when lost, and stopped on request."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.run_config import RunConfig
from moorage_api.training_job import TrainingResources
from moorage_training.loop.work_order import WorkOrder
from moorage_training.ray_session import RaySession
from moorage_training.report.heartbeat import STOP_REQUEST
from moorage_training.report.watch import Watch
from moorage_training.stopping import StopSignal
from moorage_training.worker_loss import PeerLost, WorkersLost

LOOK_SECONDS = 0.25
STOP_SECONDS = 30.0
COLLECTIVE_SECONDS = 600
LEAST_PLACEMENTS = 2
"""Times that placing the workers is tried again; a place for them may come up, and the wait for it must end."""


def train_on_ray(config: RunConfig, order: WorkOrder, watch: Watch, session: RaySession) -> None:
    """Returns when the last checkpoint is the trained model.

    Raises Unavailable (disk full), WorkersLost, InvalidInput, or StopSignal once the workers have stopped and saved.
    """
    request = Path(config.folder) / STOP_REQUEST
    request.unlink(missing_ok=True)
    trainer = _trainer(config, order)
    session.ready()
    stopped: StopSignal | None = None
    stop_by = float("inf")
    with ThreadPoolExecutor(1) as pool:
        outcome: Future[Any] = pool.submit(trainer.fit)
        try:
            while not outcome.done() and time.monotonic() < stop_by:
                try:
                    wait([outcome], timeout=LOOK_SECONDS)
                    watch.look(running=True)
                except StopSignal as signal:
                    stopped = signal
                    request.touch()
                    stop_by = time.monotonic() + (STOP_SECONDS if watch.workers_alive else 0.0)
        finally:
            if not outcome.done():
                import ray

                ray.shutdown()
            watch.look(running=False)
    request.unlink(missing_ok=True)
    if stopped is not None:
        raise stopped
    _require_success(outcome, config.resources)


def _trainer(config: RunConfig, order: WorkOrder) -> Any:
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    from moorage_training.ray_worker import train_worker

    resources = config.resources
    each: dict[str, float] = {"CPU": resources.cpus_per_worker}
    if resources.gpus_per_worker:
        each["GPU"] = resources.gpus_per_worker
    if resources.memory_per_worker:
        each["memory"] = _bytes(resources.memory_per_worker)
    return TorchTrainer(
        train_worker,  # type: ignore[arg-type]
        train_loop_config=asdict(order),
        torch_config=TorchConfig(backend="nccl" if resources.gpus_per_worker else "gloo", timeout_s=COLLECTIVE_SECONDS),
        scaling_config=ray.train.ScalingConfig(
            num_workers=resources.workers, use_gpu=resources.gpus_per_worker > 0, resources_per_worker=each
        ),
        run_config=ray.train.RunConfig(
            # A name of its own for each start: what to resume from is this package's decision, not Ray's.
            name=f"attempts-{uuid4().hex[:8]}",
            storage_path=str(Path(config.folder) / "ray"),
            failure_config=ray.train.FailureConfig(
                max_failures=config.max_failures,
                controller_failure_limit=max(LEAST_PLACEMENTS, config.max_failures),  # type: ignore[call-arg]  # not in the older class
            ),
        ),
    )


def _require_success(outcome: Future[Any], resources: TrainingResources) -> None:
    from ray.train import ControllerError, TrainingFailedError, WorkerGroupError

    try:
        ended: dict[str, Any] = outcome.result().return_value
    except WorkerGroupError as error:
        logging.getLogger(__name__).error("workers failed", exc_info=error)
        if any(_is_loss(failure) for failure in error.worker_failures.values()):
            raise WorkersLost(
                Problem(
                    "a worker was lost, more often than runPolicy.backoffLimit makes up for", "workers", remedy="run it again to resume"
                )
            ) from error
        raise
    except ControllerError as error:
        logging.getLogger(__name__).error("the workers could not be started", exc_info=error)
        raise _not_placed(resources) from error
    except TrainingFailedError as error:
        raise Unavailable(Problem("Ray Train could not run the workers; see run.log", remedy="run it again to resume")) from error
    if ended["failure"] is not None:
        raise (InvalidInput if ended["invalid"] else Unavailable)(Problem(ended["failure"]))


def _not_placed(resources: TrainingResources) -> Unavailable:
    each = f"{resources.cpus_per_worker} CPUs"
    each += f", {resources.gpus_per_worker} GPUs" if resources.gpus_per_worker else ""
    each += f", {resources.memory_per_worker} of memory" if resources.memory_per_worker else ""
    remedy = "use fewer or smaller workers, or wait until there is room; see run.log"
    return Unavailable(Problem(f"Ray found no place for {resources.workers} workers with {each} each", "resources", remedy=remedy))


def _is_loss(failure: Exception) -> bool:
    """Whether a worker died, or saw another die, rather than raised an error of its own; Ray wraps what a worker raised."""
    raised = getattr(failure, "_base_exc", None)
    return raised is None or isinstance(raised, PeerLost)


def _bytes(quantity: str) -> float:
    """`2Gi` -> bytes."""
    return int(quantity[:-2]) * {"Mi": 2.0**20, "Gi": 2.0**30}[quantity[-2:]]
