"""What inference is measured against: Ray Serve applications that answer a request with its own body."""

from __future__ import annotations

from typing import Any

from ray import serve
from starlette.requests import Request

from moorage_api.service_config import ServiceConfig
from moorage_serving.deployment_options import deployment_options


class Echo:
    """As Ray Serve's documentation writes one."""

    async def __call__(self, request: Request) -> bytes:
        """The body."""
        return await request.body()


@serve.ingress(None)
class AsgiEcho:
    """Without Starlette's request and response."""

    def __serve_build_asgi_app__(self) -> Any:
        return _answer_with_body


async def _answer_with_body(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = (await receive())["body"]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def echo(config: ServiceConfig) -> serve.Application:
    """With the replicas and limits of `config`."""
    return serve.deployment(name="Echo", **deployment_options(config))(Echo).bind()


def asgi_echo(config: ServiceConfig) -> serve.Application:
    """With the replicas and limits of `config`."""
    return serve.deployment(name="AsgiEcho", **deployment_options(config))(AsgiEcho).bind()
