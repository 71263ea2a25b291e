"""The host's life: deploy, report every second, follow changes of its document, and leave nothing behind."""

from __future__ import annotations

import logging
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from moorage_api.errors import MoorageError
from moorage_api.service_config import ServiceConfig, ServiceState, ServingConfig, ServingStatus
from moorage_serving.host.atomic_file import write_atomically
from moorage_serving.host.document import Document
from moorage_serving.host.engine import Engine
from moorage_serving.host.hosted_service import HostedService, application_name

TICK_SECONDS = 1.0
_log = logging.getLogger("moorage.serving")


class ServingHost:
    """Runs one ServingConfig. The address is fixed; services come and go with the document."""

    def __init__(self, document: Document) -> None:
        """Start Ray and Ray Serve. Raises InvalidInput or Unavailable."""
        self._document = document
        self._config = document.read()
        self._address = f"http://{self._config.host}:{self._config.port}"
        self._services: dict[str, HostedService] = {}
        self._stop = threading.Event()
        self._report([])
        self._engine = Engine(self._config.host, self._config.port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, lambda *_: None)  # the document is looked at every tick anyway

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then answer what is in work, ship every usage event, and stop all that was started."""
        try:
            self._follow(self._config)
            while not self._stop.is_set():
                self._report(self._observe())
                self._stop.wait(TICK_SECONDS)
                self._take_change()
        finally:
            self._shut_down()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _take_change(self) -> None:
        try:
            changed = self._document.read_if_changed()
        except MoorageError as error:
            _log.error("the changed document is not taken: %s", error)
            return
        if changed is None:
            return
        if (changed.host, changed.port) != (self._config.host, self._config.port):
            _log.error("host and port cannot change while serving; stop and start again")
            return
        self._follow(changed)

    def _follow(self, config: ServingConfig) -> None:
        """Make what runs what `config` says. A service that did not change is not touched."""
        self._config = config
        wanted = {application_name(service): service for service in config.services}
        gone = [name for name, hosted in self._services.items() if name not in wanted or _moved(hosted.config, wanted[name])]
        self._retire(gone)
        changed = [service for name, service in wanted.items() if name not in self._services or self._services[name].config != service]
        self._deploy(changed)

    def _deploy(self, services: list[ServiceConfig]) -> None:
        from moorage_serving.app import build

        applications = {}
        for service in services:
            hosted = HostedService(service, self._address)
            before = self._services.get(hosted.name)
            if before is not None:
                before.hand_over()
            self._services[hosted.name] = hosted
            if hosted.refusal:
                _log.error("%s is not served: %s", hosted.name, hosted.refusal)
            else:
                applications[hosted.name] = (service.route_prefix, build(service.to_wire()))
        if applications:
            self._engine.deploy(applications)

    def _retire(self, names: list[str]) -> None:
        self._engine.remove(names)
        for name in names:
            try:
                self._services.pop(name).retire(time.time())
            except MoorageError as error:
                _log.error("usage of %s stays in its outbox until it is served again: %s", name, error)

    def _observe(self) -> list[ServiceState]:
        seen = self._engine.applications()
        now = time.time()
        return [hosted.observe(seen.get(name), now) for name, hosted in self._services.items()]

    def _report(self, states: list[ServiceState]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        status = ServingStatus(updated_at=now, services=states)
        try:
            write_atomically(Path(self._config.status), status.model_dump_json(by_alias=True))
        except OSError as error:
            _log.error("%s cannot be written: %s", self._config.status, error.strerror)

    def _shut_down(self) -> None:
        stopped = [ServiceState(name=name, ready=False, url=hosted.url, message="stopping") for name, hosted in self._services.items()]
        self._report(stopped)
        try:
            urls = [hosted.url for hosted in self._services.values()]
            self._retire(list(self._services))
            self._engine.wait_until_answered(urls)
        finally:
            self._engine.stop()
        self._report([state.model_copy(update={"message": "stopped"}) for state in stopped])


def _moved(before: ServiceConfig, after: ServiceConfig) -> bool:
    """Whether a change needs the service to be taken down first: its identity or the place of its money changed."""
    return (before.subject, before.outbox, before.ledger) != (after.subject, after.outbox, after.ledger)
