"""Kubernetes says whose a token is: TokenReview, asked once a token and minute."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from moorage_api.errors import Problem, Unavailable
from moorage_billing.service.api_server import ApiServer
from moorage_billing.service.authentication import fingerprint

KNOWN_SECONDS = 60.0
UNKNOWN_SECONDS = 5.0
MAX_REMEMBERED = 4096
_MAX_AT_ONCE = 16
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


@dataclass(frozen=True)
class _Answer:
    username: str | None
    until: float


class TokenReviews:
    """Asks the API server, and remembers by the token's SHA-256: who it is for a minute, that it is nobody for five seconds.

    What cannot be found out is an error, never a guess: nobody gets in while the API server is out and the minute is over.
    """

    def __init__(
        self,
        server: ApiServer,
        audience: str,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: seconds since 1970. `transport`: for tests."""
        self._server = server
        self._audience = audience
        self._clock = clock
        # The environment's proxies are for the world outside, not for the API server.
        self._client = httpx.AsyncClient(base_url=server.url, verify=server.tls, timeout=_TIMEOUT, trust_env=False, transport=transport)
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}
        self._places = asyncio.Semaphore(_MAX_AT_ONCE)

    async def username(self, token: str) -> str | None:
        """See Authenticator."""
        key = fingerprint(token)
        known = self._answers.get(key)
        if known is not None and known.until > self._clock():
            return known.username
        task = self._asking.get(key)
        if task is None:  # many requests with one new token ask once
            task = self._asking[key] = asyncio.create_task(self._ask(token))
            task.add_done_callback(lambda done: self._remember(key, done))
        return (await asyncio.shield(task)).username

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _remember(self, key: bytes, done: asyncio.Task[_Answer]) -> None:
        self._asking.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._answers[key] = done.result()
        self._answers.move_to_end(key)
        while len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)

    async def _ask(self, token: str) -> _Answer:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._audience]},
        }
        try:
            async with self._places:
                response = await self._client.post(_PATH, json=review, headers=self._server.headers())
            status = response.json().get("status") if response.status_code in (200, 201) else None
        except (httpx.HTTPError, ValueError) as error:
            raise self._unreachable(f"{type(error).__name__} {error}".strip()) from None
        if not isinstance(status, dict):
            raise self._unreachable(f"it answered {response.status_code}")
        now = self._clock()
        username = self._username_in(status)
        if username is None:
            return _Answer(None, now + UNKNOWN_SECONDS)
        return _Answer(username, min(now + KNOWN_SECONDS, _expiry(token)))

    def _username_in(self, status: dict[str, Any]) -> str | None:
        """Only a token that was made for the ledger counts: one that was stolen from another service opens nothing here."""
        user = status.get("user")
        name = user.get("username") if isinstance(user, dict) else None
        good = status.get("authenticated") is True and self._audience in (status.get("audiences") or [])
        return name if good and isinstance(name, str) and name else None

    def _unreachable(self, reason: str) -> Unavailable:
        fix = "let the ledger's ServiceAccount create tokenreviews (ClusterRole system:auth-delegator), and let it reach the API server"
        return Unavailable(Problem(f"the API server cannot say whose the token is: {reason}", self._server.url, remedy=fix))


def _expiry(token: str) -> float:
    """When a service account's token ends, as it says itself; only ever used to forget it sooner."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return float("inf")
