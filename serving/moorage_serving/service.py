"""What one service does with a request: route, recognise, limit, infer, meter, answer. The ASGI application of a replica."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moorage_api.artifact import ArtifactManifest
from moorage_serving import version
from moorage_serving.access.policy_file import PolicyFile
from moorage_serving.access.rate_limit import RateLimits
from moorage_serving.http.answer import Answer, Send, infer_answer, json_answer, refusal_answer, send_answer, with_event
from moorage_serving.http.request import ClientGone, Headers, Receive, read_body
from moorage_serving.inference import Inference
from moorage_serving.metering import Meter
from moorage_serving.metrics import CONTENT_TYPE, ServingMetrics
from moorage_serving.protocol.metadata import MODEL_VERSION, model_metadata, server_metadata
from moorage_serving.protocol.route import Endpoint, Route, route_of
from moorage_serving.refusal import Refusal
from moorage_serving.request_log import RequestLog

_log = logging.getLogger("moorage.serving")


@dataclass(slots=True)
class _Caller:
    """Who was recognised, and how many rows the answer is for."""

    key: str | None = None
    tenant: str = ""
    rows: int = 0


class Service:
    """Answers the requests of one ModelService on one replica."""

    def __init__(
        self,
        name: str,
        artifact: ArtifactManifest,
        inference: Inference,
        policy: PolicyFile,
        admitted: frozenset[str],
        limits: RateLimits,
        meter: Meter,
        metrics: ServingMetrics,
        log: RequestLog,
        refresh_page: Callable[[], None],
    ) -> None:
        self._name = name
        self._model_metadata = json_answer(model_metadata(name, artifact))
        self._inference = inference
        self._policy = policy
        self._admitted = admitted
        self._limits = limits
        self._meter = meter
        self._metrics = metrics
        self._log = log
        self._refresh_page = refresh_page

    def admit(self, tenants: frozenset[str]) -> None:
        """From now on these may call, and no others."""
        self._admitted = tenants

    async def handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        start = time.monotonic()
        self._metrics.started()
        caller = _Caller()
        code = 499
        try:
            answer = await self._answer(scope, receive, caller)
            if caller.tenant:
                answer = await self._metered(answer, caller)
            code = answer.status
            await send_answer(send, answer)
        except ClientGone:
            return
        finally:
            end = time.monotonic()
            self._metrics.answered(caller.tenant, code, caller.rows if code < 300 else 0, end - start)
            if code >= 400:
                error = answer.error if code != 499 else "the caller hung up"
                self._log.refused(end, scope["method"], scope["path"], code, error, caller.key, (end - start) * 1000)

    async def _answer(self, scope: dict[str, Any], receive: Receive, caller: _Caller) -> Answer:
        try:
            return await self._decide(scope, receive, caller)
        except Refusal as refusal:
            return refusal_answer(refusal)
        except ClientGone:
            raise
        except Exception:
            _log.exception("a request failed")
            return refusal_answer(Refusal(500, "internal error", remedy="the service's log has the cause"))

    async def _metered(self, answer: Answer, caller: _Caller) -> Answer:
        try:
            event = await self._meter.record(caller.tenant, answer.status, caller.rows)
        except Refusal as refusal:
            self._metrics.metering_failed()
            return refusal_answer(refusal)
        return with_event(answer, event)

    async def _decide(self, scope: dict[str, Any], receive: Receive, caller: _Caller) -> Answer:
        path: str = scope["path"]
        method: str = scope["method"]
        root = scope.get("root_path", "")
        route = route_of(path[len(root) :] if root and path.startswith(root) else path)
        if route is not None and not route.endpoint.needs_key:
            _check_method(route, method)
            return self._open(route)
        headers = Headers(scope["headers"])
        caller.key = headers.api_key
        self._recognise(caller)
        if route is None:
            raise Refusal(404, "no such endpoint", field="path", value=path, remedy=f"POST to {root}/v2/models/{self._name}/infer")
        _check_method(route, method)
        self._check_model(route)
        if route.endpoint is Endpoint.MODEL:
            return self._model_metadata
        headers.check_media()
        body = await read_body(receive, headers.content_length)
        inferred = await self._inference.infer(body, headers.header_length)
        caller.rows = inferred.rows
        return infer_answer(inferred.body)

    def _recognise(self, caller: _Caller) -> None:
        """Find the tenant. Raises Refusal: 401 nobody, 403 not here, 429 too fast."""
        if caller.key is None:
            raise Refusal(401, "no API key", field="Authorization", remedy="send `Authorization: Bearer KEY` or `X-API-Key: KEY`")
        tenant = self._policy.ring.tenant_of(caller.key, time.time())
        if tenant is None:
            raise Refusal(401, "the API key is unknown, expired or revoked", field="Authorization", remedy="ask for a new key")
        caller.tenant = tenant
        if tenant not in self._admitted:
            raise Refusal(403, "has no access to this service", field="tenant", value=tenant, remedy="ask the service's owner")
        wait = self._limits.take(tenant, time.monotonic())
        if wait is not None:
            raise Refusal(429, "calls faster than its limit", field="tenant", value=tenant, remedy="slow down", retry_after_seconds=wait)

    def _open(self, route: Route) -> Answer:
        """Endpoints that need no key."""
        match route.endpoint:
            case Endpoint.LIVE:
                return json_answer({"live": True})
            case Endpoint.READY:
                return json_answer({"ready": True})
            case Endpoint.SERVER:
                return json_answer(server_metadata(version.installed()))
            case Endpoint.METRICS:
                self._refresh_page()
                return Answer(200, self._metrics.page(), ((b"content-type", CONTENT_TYPE),))
            case _:
                self._check_model(route)
                return json_answer({"name": self._name, "ready": True})

    def _check_model(self, route: Route) -> None:
        if route.model != self._name:
            raise Refusal(404, "no such model", field="model", value=route.model or "", remedy=f"this service has {self._name!r}")
        if route.version not in (None, MODEL_VERSION):
            raise Refusal(404, "no such version", field="version", value=route.version, remedy=f"this service has {MODEL_VERSION!r}")


def _check_method(route: Route, method: str) -> None:
    if method != route.endpoint.method and not (method == "HEAD" and route.endpoint.method == "GET"):
        raise Refusal(405, "is not allowed here", field="method", value=method, remedy=f"use {route.endpoint.method}")
