"""/healthz, /readyz and /metrics of the operator, on one port."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import prometheus_client
from aiohttp import web


class HttpEndpoints:
    """Use as an asynchronous context. `unhealthy` and `unready` give a problem as a sentence, or nothing."""

    def __init__(self, port: int, unhealthy: Callable[[], str], unready: Callable[[], str], metrics: Callable[[], bytes]) -> None:
        self._port, self._unhealthy, self._unready, self._metrics = port, unhealthy, unready, metrics
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", lambda request: self._verdict(request, self._unhealthy)),
                web.get("/readyz", lambda request: self._verdict(request, self._unready)),
                web.get("/metrics", self._page),
            ]
        )
        self._runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, port=self._port).start()
        return self

    async def __aexit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _verdict(self, _request: web.Request, problem: Callable[[], str]) -> web.Response:
        found = problem()
        return web.json_response({"error": found} if found else {"ok": True}, status=503 if found else 200)

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})
