"""The agent's own HTTP endpoints: for Kubernetes whether it lives and is ready, for Prometheus the pod's page."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from moorage_serving.metrics import CONTENT_TYPE

Answer = tuple[int, bytes, str]
"""Status, body, content type."""
IDLE_SECONDS = 10.0
_log = logging.getLogger("moorage.agent")


class Endpoints:
    """Answers GET of fixed paths, from threads of its own."""

    def __init__(self, port: int, routes: dict[str, Callable[[], Answer]]) -> None:
        """port: 0 is any free one; which one it became is `port`. Raises OSError."""
        self._server = _server(port, _handler(routes))
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def said(status: int, text: str) -> Answer:
    """A short JSON answer."""
    key = "status" if status < 400 else "error"
    return status, json.dumps({key: text}).encode(), "application/json"


def page(content: bytes) -> Answer:
    """A Prometheus exposition."""
    return 200, content, CONTENT_TYPE.decode()


def _server(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    class DualStack(ThreadingHTTPServer):
        address_family = socket.AF_INET6
        daemon_threads = True

        def server_bind(self) -> None:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().server_bind()

    class OnlyIPv4(ThreadingHTTPServer):
        daemon_threads = True

    if socket.has_dualstack_ipv6():
        return DualStack(("::", port), handler)
    return OnlyIPv4(("0.0.0.0", port), handler)  # noqa: S104 (the pod's address; the NetworkPolicy says who reaches it)


def _handler(routes: dict[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_SECONDS

        def do_GET(self) -> None:  # (the base class asks for this name)
            route = routes.get(self.path.partition("?")[0])
            try:
                status, body, kind = said(404, "no such endpoint") if route is None else route()
            except Exception:  # a scrape that fails is no reason to end
                _log.exception("%s failed", self.path)
                status, body, kind = said(500, "internal error")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler
