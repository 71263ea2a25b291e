"""The routes, who may use each, and what happens around every request: authentication, authorisation, errors, metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moorage_api.errors import Unavailable
from moorage_billing.service import key_routes, money_routes, privacy_routes, probes, usage_routes
from moorage_billing.service.authentication import Authenticator, bearer_token
from moorage_billing.service.authorisation import Caller, Right, caller_of, refusal
from moorage_billing.service.exchange import Exchange, Rejected, answer_to, error_answer
from moorage_billing.service.ledger_room import LedgerRoom
from moorage_billing.service.metrics import OTHER
from moorage_billing.service.settings import ServiceSettings

_log = logging.getLogger("moorage.ledger")
_Handler = Callable[[Exchange], Awaitable[Response]]
_NOBODY = Caller("nobody")

ROUTES: tuple[tuple[str, str, Right, _Handler], ...] = (
    ("GET", "/healthz", Right.NONE, probes.get_health),
    ("GET", "/readyz", Right.NONE, probes.get_readiness),
    ("GET", "/metrics", Right.NONE, probes.get_metrics),
    ("POST", "/v1/events", Right.METER, usage_routes.post_events),
    ("GET", "/v1/access-policy", Right.FOLLOW, usage_routes.get_access_policy),
    ("PUT", "/v1/catalogue", Right.OPERATE, usage_routes.put_catalogue),
    ("GET", "/v1/catalogue", Right.ADMINISTER, usage_routes.get_catalogue),
    ("POST", "/v1/privacy/reservations", Right.OPERATE, privacy_routes.post_reservation),
    ("GET", "/v1/privacy/holdings/{holder:path}", Right.ADMINISTER, privacy_routes.get_holding),
    ("POST", "/v1/privacy/holdings/{holder:path}/commit", Right.OPERATE, privacy_routes.post_commit),
    ("POST", "/v1/privacy/holdings/{holder:path}/charge-whole", Right.OPERATE, privacy_routes.post_charge_whole),
    ("POST", "/v1/privacy/holdings/{holder:path}/release", Right.OPERATE, privacy_routes.post_release),
    ("GET", "/v1/privacy/statement", Right.ADMINISTER, privacy_routes.get_statement),
    ("GET", "/v1/privacy/accounts", Right.ADMINISTER, privacy_routes.get_accounts),
    ("GET", "/v1/costs", Right.ADMINISTER, money_routes.get_cost),
    ("GET", "/v1/tenant-costs", Right.ADMINISTER, money_routes.get_tenant_costs),
    ("GET", "/v1/invoices/{tenant}", Right.ADMINISTER, money_routes.get_invoice),
    ("GET", "/v1/keys", Right.ADMINISTER, key_routes.get_keys),
    ("POST", "/v1/keys/{prefix}/revoke", Right.ADMINISTER, key_routes.post_revocation),
    ("GET", "/v1/tenants/{tenant}/keys", Right.ADMINISTER, key_routes.get_tenant_keys),
    ("POST", "/v1/tenants/{tenant}/keys", Right.ADMINISTER, key_routes.post_key),
)


@dataclass(frozen=True)
class Gate:
    """Lets requests through to their handlers."""

    settings: ServiceSettings
    room: LedgerRoom
    authenticator: Authenticator

    def endpoint(self, method: str, route: str, right: Right, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        """What Starlette calls for a route."""

        async def respond(request: Request) -> Response:
            start = time.perf_counter()
            in_work = self.room.metrics.in_work.labels(method, route)
            in_work.inc()
            try:
                caller = await self._admit(request, right)
                response = await handler(Exchange(request, caller, self.room))
            except Exception as error:  # every answer is JSON and counted
                response = answer_to(error, self.room, f"{method} {route}")
            finally:
                in_work.dec()
            self.room.metrics.answered(method, route, response.status_code, time.perf_counter() - start)
            return response

        return respond

    async def not_on_a_route(self, request: Request, error: Exception) -> Response:
        """404 and 405, as JSON."""
        code = error.status_code if isinstance(error, HTTPException) else 404
        headers = error.headers if isinstance(error, HTTPException) else None
        self.room.metrics.answered(request.method, OTHER, code, 0.0)
        what = "no such route" if code == 404 else "not a method of this route"
        return error_answer(code, f"{request.method} {request.url.path}: {what}; docs/design/ledger.md lists them", headers)

    async def _admit(self, request: Request, right: Right) -> Caller:
        if right is Right.NONE:
            return _NOBODY
        token = bearer_token(request.headers.get("authorization"))
        challenge = {"WWW-Authenticate": "Bearer"}
        if token is None:
            raise Rejected(401, "no token: send `Authorization: Bearer TOKEN`", challenge)
        try:
            username = await self.authenticator.username(token)
        except Unavailable as error:  # whoever asks is not known, so the reason is for the log alone
            _log.error("nobody can be let in: %s", error)
            self.room.metrics.authentication_errors.inc()
            raise Rejected(503, "it cannot be found out now whose the token is; try again", {"Retry-After": "1"}) from None
        if username is None:
            message = f"the token is unknown, expired or not made for the audience {self.settings.audience}; get a new one"
            raise Rejected(401, message, challenge)
        caller = caller_of(username, self.settings.operator, self.settings.administrators)
        if reason := refusal(caller, right):
            raise Rejected(403, reason)
        return caller


def build(settings: ServiceSettings, room: LedgerRoom, authenticator: Authenticator) -> Starlette:
    """The ASGI application. It closes the room and the authenticator when it ends."""
    gate = Gate(settings, room, authenticator)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await authenticator.close()
        room.close()

    routes = [Route(path, gate.endpoint(method, path, right, handler), methods=[method]) for method, path, right, handler in ROUTES]
    handlers = {404: gate.not_on_a_route, 405: gate.not_on_a_route}
    return Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
