"""One replica: loads the artifact, opens its outbox, follows the access policy, and answers as an ASGI application."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from moorage_api.errors import MoorageError, Problem, Unavailable
from moorage_api.service_config import ServiceConfig, ServiceUpdate
from moorage_api.serving_environment import METRICS_FOLDER_VARIABLE
from moorage_billing.outbox import Outbox
from moorage_billing.outbox_file import SUFFIX, backlog_of
from moorage_serving.access.policy_file import POLL_SECONDS, PolicyFile
from moorage_serving.access.rate_limit import RateLimits
from moorage_serving.http.answer import Send
from moorage_serving.http.request import Receive
from moorage_serving.inference import Inference
from moorage_serving.metering import Meter
from moorage_serving.metrics import ServingMetrics
from moorage_serving.model.batcher import Batcher
from moorage_serving.model.loaded_model import load_model
from moorage_serving.request_log import RequestLog, configure_logging
from moorage_serving.service import Service

POLICY_POLL_SECONDS = 0.1
POLICY_SECONDS = 60.0
"""How long a replica that must have an access policy waits for one before Ray Serve is told that it cannot start."""


class Replica:
    """The parts of one running replica.

    Constructing it raises InvalidInput for an artifact that is not what it should be, Unavailable where an access policy must be and is
    not, or the outbox cannot be opened.
    """

    def __init__(self, config: ServiceConfig, replica: str, running_replicas: Callable[[], int]) -> None:
        configure_logging()
        self._config = config
        self._running_replicas = running_replicas
        batching = config.batching
        name = config.subject.name
        model = load_model(Path(config.artifact), config.digest, batching.max_rows, max(1, int(config.resources.cpus_per_replica)))
        self._metrics = ServingMetrics(_metrics_folder(config), name)
        self._metrics.describe(config.digest, model.artifact.task.type)
        self._executor = None if model.fits_loop else ThreadPoolExecutor(1, thread_name_prefix="inference")
        batcher = Batcher(model.scores, batching.max_rows, batching.wait_milliseconds / 1000, self._executor, self._metrics.batch)
        self._policy = PolicyFile(Path(config.access_policy))
        if config.policy_required:
            _wait_for(self._policy, config.access_policy)
        self._limits = RateLimits()
        self._follow_policy()
        self._outbox = Outbox.open(Path(config.outbox), replica)
        self._meter = Meter(self._outbox, config.subject)
        self._service = Service(
            name=name,
            artifact=model.artifact,
            inference=Inference(name, model, batcher),
            policy=self._policy,
            admitted=frozenset(config.access.tenants),
            limits=self._limits,
            meter=self._meter,
            metrics=self._metrics,
            log=RequestLog(f"{config.subject.namespace}/{name}", replica),
            refresh_page=self._measure_outbox,
        )
        self._following: asyncio.Task[None] | None = None

    def update(self, change: ServiceUpdate) -> None:
        """Follow a change in place."""
        self._service.admit(frozenset(change.access.tenants))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI: HTTP and the lifespan."""
        if scope["type"] == "http":
            await self._service.handle(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._following = asyncio.get_running_loop().create_task(self._follow())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def close(self) -> None:
        """Stop following the policy, and let go of the outbox once all is written."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        await asyncio.get_running_loop().run_in_executor(None, self._meter.close)
        if self._executor is not None:
            self._executor.shutdown(wait=False)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self._follow_policy()
            self._metrics.flush()

    def _follow_policy(self) -> None:
        self._policy.refresh()
        self._limits.configure(self._policy.ring.limits, self._running_replicas(), time.monotonic())

    def _measure_outbox(self) -> None:
        with suppress(MoorageError):
            waiting = [backlog_of(path) for path in Path(self._config.outbox).glob(f"*{SUFFIX}")]
            now_us = time.time_ns() // 1000
            oldest_us = min((one.oldest_us for one in waiting if one.oldest_us is not None), default=now_us)
            self._metrics.outbox(sum(one.events for one in waiting), max(0, now_us - oldest_us) / 1e6)


def _wait_for(policy: PolicyFile, path: str) -> None:
    """A replica without a policy would answer 401 to every key, and a rollout would send it the callers of the revision before."""
    deadline = time.monotonic() + POLICY_SECONDS
    while not policy.known:
        policy.refresh()
        if not policy.known:
            if time.monotonic() >= deadline:
                raise Unavailable(Problem("there is no access policy", path, remedy="the agent's log says why the ledger gives none"))
            time.sleep(POLICY_POLL_SECONDS)


def _metrics_folder(config: ServiceConfig) -> Path:
    root = os.environ.get(METRICS_FOLDER_VARIABLE) or Path(tempfile.gettempdir()) / f"moorage-metrics-{os.getuid()}"
    return Path(root) / config.subject.uid
