"""`python -m moorage_billing.service --config /etc/moorage/ledger.yaml`: serve until SIGTERM or SIGINT, then finish what is in work."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from moorage_api.errors import MoorageError, Problem, Unavailable
from moorage_billing.service.api_server import by_kubeconfig, in_cluster
from moorage_billing.service.application import build
from moorage_billing.service.authentication import Authenticator, StaticTokens
from moorage_billing.service.ledger_room import LedgerRoom
from moorage_billing.service.settings import ServiceSettings, read_settings
from moorage_billing.service.token_review import TokenReviews

_log = logging.getLogger("moorage.ledger")
_FINISH_SECONDS = 20
_KEEP_ALIVE_SECONDS = 75
_MAX_CONNECTIONS = 2000


class _Server(uvicorn.Server):
    """uvicorn, but a signal ends it with exit code 0 rather than by the signal once more."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True


def main(arguments: list[str]) -> int:
    """Returns the exit code; problems are printed one a line."""
    parser = argparse.ArgumentParser(prog="python -m moorage_billing.service", description="Moorage's ledger over HTTP.")
    parser.add_argument("--config", type=Path, required=True, help="The settings, a YAML file.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = read_settings(parser.parse_args(arguments).config)
        asyncio.run(_serve(settings))
    except MoorageError as error:
        for problem in error.problems:
            sys.stderr.write(f"error: {problem}\n")
        return error.exit_code
    return 0


async def _serve(settings: ServiceSettings) -> None:
    listening = _listen(settings)
    room = await asyncio.to_thread(LedgerRoom, settings.ledger_url(), settings.threads)
    application = build(settings, room, _authenticator(settings))
    config = uvicorn.Config(
        application,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINISH_SECONDS,
        limit_concurrency=_MAX_CONNECTIONS,
        lifespan="on",
    )
    host, port = listening.getsockname()[:2]
    _log.info("listening on %s:%d, ledger %s", host, port, room.database.where)
    await _Server(config).serve(sockets=[listening])
    _log.info("stopped")


def _listen(settings: ServiceSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise Unavailable(Problem(f"cannot listen: {error.strerror or error}", where, "port", remedy="choose another port")) from None


def _authenticator(settings: ServiceSettings) -> Authenticator:
    if settings.static_tokens is not None:
        return StaticTokens(Path(settings.static_tokens))
    server = by_kubeconfig(Path(settings.kubeconfig)) if settings.kubeconfig else in_cluster()
    return TokenReviews(server, settings.audience)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
