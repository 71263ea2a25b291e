"""A replica's kept-alive connections end without cutting off the request that may be on its way. RFC 9112 section 9.6.

uvicorn stops gracefully by closing, at once, each connection that is between two requests. HAProxy may just have sent the next one down
it; it then closes its caller's connection without an answer, for the caller to send again, which no client does with a POST. Here such a
connection answers one more request, with `Connection: close`: HAProxy opens the next one anew, is refused, and tries elsewhere.
"""

from __future__ import annotations

from typing import Any

from moorage_serving.http.answer import Send
from moorage_serving.http.request import Receive

LINGER_SECONDS = 1.0
"""How long a connection on which nothing comes stays open."""


def answer_last_requests(protocol: type[Any], seconds: float = LINGER_SECONDS) -> None:
    """Make the connections of a uvicorn HTTP protocol class of this process end so."""
    end = protocol.shutdown

    def shutdown(connection: Any) -> None:
        if _in_work(connection):
            end(connection)
        else:
            connection.app = _closing(connection.app)
            connection.loop.call_later(seconds, _end_open, connection)

    def _end_open(connection: Any) -> None:
        if not connection.transport.is_closing():
            end(connection)

    protocol.shutdown = shutdown


def _in_work(connection: Any) -> bool:
    return connection.cycle is not None and not connection.cycle.response_complete


def _closing(app: Any) -> Any:
    """The ASGI application, whose every answer says that it is the connection's last."""

    async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        async def send_last(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await app(scope, receive, send_last)

    return answer
