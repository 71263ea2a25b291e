"""The one process that serves every ModelService of the home: started, watched, and given a new document when services change.

The process follows its document (serve.json) itself, so services come and go without a restart.
"""

from __future__ import annotations

import socket
import sys
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from moorage_api.clock import moment
from moorage_api.errors import Problem, Unavailable
from moorage_api.service_config import ServiceConfig, ServiceState, ServingConfig, ServingStatus
from moorage_cli.durable_file import write_durably
from moorage_cli.engine.child_process import Child, spawn
from moorage_cli.engine.installed_extra import lacking
from moorage_cli.home import Home

PREFERRED_PORT = 8000
MAX_RESTARTS = 3
READY_SECONDS = 180.0
STOP_PATIENCE_SECONDS = 15.0
FOLLOW_SECONDS = 2.0
"""Within so long the host takes a new document; what it said before is about the old one."""


class ServingHost:
    """Hosts what it is asked for. After `MAX_RESTARTS` unexpected deaths of one config it gives up and says so."""

    def __init__(self, home: Home, port: int | None) -> None:
        self._home, self._asked_port = home, port
        self._port: int | None = None
        self._child: Child | None = None
        self._config: ServingConfig | None = None
        self._deaths = 0
        self._asked_at: datetime | None = None
        self._next_start: datetime | None = None

    @property
    def log(self) -> Path:
        return self._home.serving / "serve.log"

    @property
    def gave_up(self) -> str:
        """Why nothing will be served: something is not installed, or the process died too often; empty while there is hope."""
        if lacks := lacking("serve"):
            return lacks
        return f"the serving process dies again and again; see {self.log}" if self._deaths > MAX_RESTARTS else ""

    def host(self, services: list[ServiceConfig], now: datetime) -> None:
        """See to it that exactly these are hosted. Raises Unavailable if the port is taken."""
        if not services:
            self.stop()
            return
        wanted = self._config_for(services)
        if wanted != self._config:
            self._config, self._deaths, self._next_start = wanted, 0, None
            write_durably(self._home.serving / "serve.json", wanted.model_dump_json(by_alias=True, exclude_none=True, indent=2))
            self._asked_at = now
        if self._child is not None and not self._child.alive:
            self._child.stop(0)
            self._child = None
            self._deaths += 1
            self._next_start = now + timedelta(seconds=2.0**self._deaths)
            if self._asked_port is None:
                self._port = None  # another program may have taken it before ours could
        if self._child is None and not self.gave_up and (self._next_start is None or now >= self._next_start):
            self._start(now)

    def late(self, now: datetime) -> bool:
        """Whether what was asked for last has had longer than any start should take."""
        return self._asked_at is not None and (now - self._asked_at).total_seconds() > READY_SECONDS

    def states(self) -> dict[str, ServiceState]:
        """How each hosted service stands, by `namespace/name`; nothing while the host is not up."""
        file = self._home.serving / "status.json"
        if self._child is None or not self._child.alive or not file.exists():
            return {}
        try:
            status = ServingStatus.model_validate_json(file.read_bytes(), by_alias=True, by_name=False)
        except ValidationError:
            return {}
        if self._asked_at is not None and moment(status.updated_at) < self._asked_at + timedelta(seconds=FOLLOW_SECONDS):
            return {}
        return {state.name: state for state in status.services}

    def ask_to_stop(self) -> None:
        """Begin to stop, without waiting."""
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """End the process; nothing is said to answer any more."""
        if self._child is not None:
            self._child.stop(STOP_PATIENCE_SECONDS)
            self._child = None
        self._config = None
        (self._home.serving / "status.json").unlink(missing_ok=True)

    def _start(self, now: datetime) -> None:
        (self._home.serving / "status.json").unlink(missing_ok=True)
        self._child = spawn([sys.executable, "-m", "moorage_serving", str(self._home.serving / "serve.json")], self.log)
        self._asked_at = now

    def _config_for(self, services: list[ServiceConfig]) -> ServingConfig:
        if self._port is None:
            self._port = choose_port(self._asked_port)
        return ServingConfig(port=self._port, services=services, status=str(self._home.serving / "status.json"))


def choose_port(asked: int | None) -> int:
    """The port asked for; else 8000, or any free one where that is taken. Raises Unavailable if the one asked for is taken."""
    if asked is not None:
        if not _is_free(asked):
            raise Unavailable(Problem("the port is taken", "run", "--port", str(asked), "name another, or leave it out"))
        return asked
    if _is_free(PREFERRED_PORT):
        return PREFERRED_PORT
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
