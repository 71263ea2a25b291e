"""The operator put together: Kopf's watches into the cache, keys through the queue, plans to the API server and the ledger."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from itertools import cycle
from zlib import crc32

import kopf

from moorage_api.errors import InvalidInput, Problem
from moorage_billing.remote import RemoteLedger, open_ledger
from moorage_operator.apply import Applier
from moorage_operator.cache import Body, Cache, key_of
from moorage_operator.dependents import CATALOGUE, METERING, WorkKey, concerned
from moorage_operator.handlers.events import watch_everything, watch_leaving_namespaces
from moorage_operator.handlers.lifecycle import on_start_and_stop
from moorage_operator.handlers.login import log_in
from moorage_operator.heartbeat import BEAT, Heartbeat
from moorage_operator.http_endpoints import HttpEndpoints
from moorage_operator.kopf_settings import kopf_settings
from moorage_operator.kube.client import Kube
from moorage_operator.kube.errors import Unreachable
from moorage_operator.kube.kinds import RESOURCES
from moorage_operator.metrics import OperatorMetrics
from moorage_operator.reconciler import Reconciler, Step
from moorage_operator.resync import resync, visit_leaving
from moorage_operator.settings import OperatorSettings
from moorage_operator.steps import LEDGER_VIEWS, Steps
from moorage_operator.work_queue import WorkQueue

_log = logging.getLogger(__name__)
DRIFT = WorkKey("Drift")
START_RETRY_SECONDS = 1.0
SECOND_LOOK_SECONDS = 10.0
UPKEEP = WorkKey("Upkeep")
UPKEEP_TURNS = 60
"""What stands around running work is applied again in so many parts of the drift period, lest thousands of writes hold up new jobs."""
LEAVING_NAMESPACE = "LeavingNamespace"
LEAVING_SECONDS = 2.0
"""How often the objects are visited of a namespace that is being deleted, where the watches of it have ended."""


class ControlLoop:
    """One operator. `run` returns on SIGTERM or SIGINT, and raises what its start failed on."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._cache = Cache()
        self._queue: WorkQueue[WorkKey] = WorkQueue()
        self._heartbeat = Heartbeat()
        self._metrics = OperatorMetrics(self._cache, lambda: self._queue.depth, lambda: self._queue.oldest_seconds)
        self._ready = False
        self._last_event = time.monotonic()

    async def run(self) -> None:
        """Connect, look at everything, then follow what changes."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(8, thread_name_prefix="ledger"))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(HttpEndpoints(self._settings.http_port, self._unhealthy, self._unready, self._metrics.page))
            kube = await stack.enter_async_context(await Kube.connect())
            ledger = open_ledger(self._settings.ledger.url)
            if not isinstance(ledger, RemoteLedger):
                raise InvalidInput(
                    Problem("is not the URL of a service", "operator settings", "ledger.url", self._settings.ledger.url, "use http://…")
                )
            stack.callback(ledger.close)
            await self._follow(kube, ledger)

    async def _follow(self, kube: Kube, ledger: RemoteLedger) -> None:
        steps = Steps(self._settings, self._cache, Applier(kube, ledger, self._cache, self._gone), ledger, self._metrics, self._queue.add)
        own = {
            BEAT.kind: self._heartbeat.beat,
            DRIFT.kind: self._drift(kube),
            UPKEEP.kind: self._upkeep(steps.keep_up),
            LEAVING_NAMESPACE: self._leaving(kube),
        }
        reconciler = Reconciler({**steps.by_kind(), **own}, self._metrics)
        namespaces = self._settings.watch_namespaces
        registry = kopf.OperatorRegistry()
        log_in(registry)
        watch_everything(registry, self._take)
        if namespaces:
            watch_leaving_namespaces(registry, self._take_leaving)
        working: list[asyncio.Task[None]] = []

        async def start() -> None:
            await self._first_look(kube)
            for key in (*self._everything(), BEAT, METERING, CATALOGUE, LEDGER_VIEWS, UPKEEP):
                self._queue.add(key)
            # What went between the first look and the first lists of the watches is in no event.
            self._queue.add_after(DRIFT, SECOND_LOOK_SECONDS)
            working.append(asyncio.create_task(self._queue.run(reconciler, self._settings.workers)))
            self._ready = True

        async def stop() -> None:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)

        on_start_and_stop(registry, start, stop)
        stop_flag = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop_flag.set)
        await kopf.operator(
            registry=registry,
            settings=kopf_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=stop_flag,
        )

    async def _first_look(self, kube: Kube) -> None:
        """An API server that is starting, or was told of a CRD a moment ago, asks to come again."""
        while True:
            try:
                await resync(kube, self._cache, self._settings.watch_namespaces)
            except Unreachable as error:
                _log.warning("waiting for the API server: %s", error)
                await asyncio.sleep(START_RETRY_SECONDS)
            else:
                return

    def _take(self, type_: str | None, body: Body) -> None:
        """An event: into the cache, and whom it concerns into the queue."""
        self._last_event = time.monotonic()
        self._metrics.event(body["kind"])
        if type_ == "DELETED":
            self._cache.remove(body)
        else:
            # What the cache has already may be the operator's own write, whose answer came before its event: it concerns others too.
            self._cache.put(body)
        self._add_concerned(body)

    def _take_leaving(self, namespace: str) -> None:
        if namespace in self._settings.watch_namespaces:
            self._queue.add(WorkKey(LEAVING_NAMESPACE, "", namespace))

    def _gone(self, body: Body) -> None:
        """An object turned out to be gone."""
        self._cache.remove(body)
        self._add_concerned(body)

    def _add_concerned(self, body: Body) -> None:
        for key in concerned(self._cache, body):
            self._queue.add(key)

    def _everything(self) -> Iterator[WorkKey]:
        for kind in RESOURCES:
            for body in self._cache.all(kind.kind):
                yield WorkKey(kind.kind, *key_of(body))

    def _drift(self, kube: Kube) -> Step:
        async def look(_key: WorkKey) -> float | None:
            for body in await resync(kube, self._cache, self._settings.watch_namespaces):
                self._gone(body)
            for key in self._everything():
                self._queue.add(key)
            return self._settings.drift_seconds

        return look

    def _upkeep(self, keep_up: Callable[[WorkKey], None]) -> Step:
        turns = cycle(range(UPKEEP_TURNS))

        async def look(_key: WorkKey) -> float | None:
            turn = next(turns)
            for key in self._everything():
                if crc32(str(key).encode()) % UPKEEP_TURNS == turn:
                    keep_up(key)
                    self._queue.add(key)
            return self._settings.drift_seconds / UPKEEP_TURNS

        return look

    def _leaving(self, kube: Kube) -> Step:
        async def visit(key: WorkKey) -> float | None:
            changed, gone = await visit_leaving(kube, self._cache, key.name)
            for body in changed:
                self._add_concerned(body)
            for body in gone:
                self._gone(body)
            return LEAVING_SECONDS if self._cache.within(key.name) else None

        return visit

    def _unhealthy(self) -> str:
        return self._heartbeat.problem(self._queue.oldest_seconds) if self._ready else ""

    def _unready(self) -> str:
        return "" if self._ready else "the operator has not looked at everything yet"
