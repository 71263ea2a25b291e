"""The bridge: a thread beside the run that sends its report out and brings the admission in. Nothing that it meets ends the run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from moorage_api.errors import InvalidInput, Problem
from moorage_api.run_config import ClusterObjects, RunConfig
from moorage_training.cluster.admission_inbox import AdmissionInbox
from moorage_training.cluster.api_server import ApiServer
from moorage_training.cluster.outgoing_report import OutgoingReport
from moorage_training.cluster.terminal import Terminal
from moorage_training.main import Companion
from moorage_training.report.reporter import REPORT, read_report
from moorage_training.stopping import ignore_signals

LOOK_SECONDS = 0.25
_log = logging.getLogger(__name__)


def bridge_of(config: RunConfig) -> Companion:
    """Raises InvalidInput outside a pod, or if the config names no ConfigMaps."""
    if config.cluster is None:
        raise InvalidInput(Problem("is missing", "run config", "cluster", None, "name the ConfigMaps, or use `python -m moorage_training`"))
    objects, server = config.cluster, ApiServer.of_this_pod()

    @contextmanager
    def beside(terminal: TextIO) -> Iterator[None]:
        bridge = Bridge(config, objects, server, Terminal(terminal))
        bridge.start()
        try:
            yield
        finally:
            ignore_signals()  # the run is over; the flush is bounded
            bridge.close()

    return beside


class Bridge:
    """Looks at the run's folder a few times a second, from a thread of its own."""

    def __init__(self, config: RunConfig, objects: ClusterObjects, server: ApiServer, terminal: Terminal) -> None:
        self._folder, self._attempt = Path(config.folder), config.attempt
        self._terminal = terminal
        self._report = OutgoingReport(server, objects.namespace, objects.report, terminal)
        self._inbox = AdmissionInbox(server, objects, self._folder, terminal) if config.admission_required else None
        self._seen: tuple[int, int, int] | None = None
        self._planned = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="bridge", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Send what the run said last, trying again for about a minute."""
        self._over.set()
        self._thread.join()
        self._take_report()
        self._report.flush()

    def _live(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except Exception:  # this thread must live: nothing else reports
                _log.exception("the bridge met something that it does not know")

    def _look(self) -> None:
        now = time.monotonic()
        self._take_report()
        self._report.send_if_due(now)
        if self._inbox is not None and self._planned:
            self._inbox.look_if_due(now)

    def _take_report(self) -> None:
        """Take what is new; not a report of an earlier attempt, which this one has not replaced yet."""
        try:
            stat = (self._folder / REPORT).stat()
        except OSError:
            return
        identity = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if identity == self._seen:
            return
        report = read_report(self._folder)
        if report is None or report.attempt != self._attempt:
            return
        self._seen, self._planned = identity, report.phase == "Planned"
        self._terminal.phase(report)
        self._report.take(report)
