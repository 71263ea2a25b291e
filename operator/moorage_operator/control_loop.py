"""The operator put together: Kopf's watches into the cache, keys through the queue, plans to the API server and the ledger."""

from __future__ import annotations

import asyncio
import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import kopf

from moorage_api.errors import InvalidInput, Problem
from moorage_billing.remote import RemoteLedger, open_ledger
from moorage_operator.apply import Applier
from moorage_operator.cache import Body, Cache
from moorage_operator.dependents import CATALOGUE, METERING, WorkKey, concerned
from moorage_operator.handlers.events import watch_everything, watch_leaving_namespaces
from moorage_operator.handlers.lifecycle import on_start_and_stop
from moorage_operator.handlers.login import log_in
from moorage_operator.heartbeat import BEAT, Heartbeat
from moorage_operator.http_endpoints import HttpEndpoints
from moorage_operator.kopf_settings import kopf_settings
from moorage_operator.kube.client import Kube
from moorage_operator.kube.errors import Unreachable
from moorage_operator.metrics import OperatorMetrics
from moorage_operator.reconciler import Reconciler
from moorage_operator.resync import resync
from moorage_operator.rounds import DRIFT, UPKEEP, Rounds, everything, leaving
from moorage_operator.settings import OperatorSettings
from moorage_operator.steps import LEDGER_VIEWS, Steps
from moorage_operator.work_queue import WorkQueue

_log = logging.getLogger(__name__)
START_RETRY_SECONDS = 1.0
SECOND_LOOK_SECONDS = 10.0


class ControlLoop:
    """One operator. `run` returns on SIGTERM or SIGINT, and raises what its start failed on."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._cache = Cache()
        self._queue: WorkQueue[WorkKey] = WorkQueue()
        self._heartbeat = Heartbeat()
        self._metrics = OperatorMetrics(self._cache, lambda: self._queue.depth, lambda: self._queue.oldest_seconds)
        self._ready = False

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
        rounds = Rounds(self._settings, self._cache, kube, self._queue.add, self._gone, steps.keep_up)
        own = {BEAT.kind: self._heartbeat.beat, **rounds.by_kind()}
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
            for key in (*everything(self._cache), BEAT, METERING, CATALOGUE, LEDGER_VIEWS, UPKEEP):
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
        self._metrics.event(body["kind"])
        if type_ == "DELETED":
            self._cache.remove(body)
        else:
            # What the cache has already may be the operator's own write, whose answer came before its event: it concerns others too.
            self._cache.put(body)
        for key in concerned(self._cache, body):
            self._queue.add(key)

    def _take_leaving(self, namespace: str) -> None:
        if namespace in self._settings.watch_namespaces:
            self._queue.add(leaving(namespace))

    def _gone(self, body: Body) -> None:
        """An object turned out to be gone."""
        self._cache.remove(body)
        for key in concerned(self._cache, body):
            self._queue.add(key)

    def _unhealthy(self) -> str:
        return self._heartbeat.problem(self._queue.oldest_seconds) if self._ready else ""

    def _unready(self) -> str:
        return "" if self._ready else "the operator has not looked at everything yet"
