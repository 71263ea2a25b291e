"""`python -m moorage_serving.cluster.agent --config FILE`: beside the replicas of one pod, from before they start until after they end.

Fetches the access policy, ships what the replicas metered, answers Prometheus, and adopts what other pods had to leave behind. The only
process of the pod that has the ledger's token. Killed at any point it loses nothing: what it works from is on disk.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

from moorage_api.agent_config import POD_VARIABLE
from moorage_api.errors import InvalidInput, MoorageError, Problem, Unavailable
from moorage_billing.remote import RemoteLedger, open_ledger
from moorage_billing.shipper import Shipper, backlog, lag_seconds
from moorage_serving.cluster import policy_copy
from moorage_serving.cluster.agent_config_file import AgentConfigFile
from moorage_serving.cluster.endpoints import Answer, Endpoints, page, said
from moorage_serving.cluster.last_shipment import ship_or_spill
from moorage_serving.cluster.policy_copy import PolicyCopy
from moorage_serving.cluster.repeating import Repeating
from moorage_serving.cluster.spill import adopt, waiting
from moorage_serving.metrics_page import OUTBOX_EVENTS, OUTBOX_LAG, metrics_page
from moorage_serving.request_log import configure_logging

ADOPT_SECONDS = 30.0
LEDGER_SECONDS = 5.0
"""How long one answer of the ledger is waited for."""
_log = logging.getLogger("moorage.agent")


class Agent:
    """Everything that goes on beside the replicas."""

    def __init__(self, file: AgentConfigFile) -> None:
        """Begin. Raises InvalidInput for a bad URL, Unavailable where a folder or the port cannot be used."""
        config = self.config = file.config
        self._file = file
        self._outbox, self._spill = Path(config.outbox), Path(config.spill)
        self._metrics = Path(config.metrics) / config.subject.uid
        ledger = open_ledger(config.ledger, LEDGER_SECONDS)
        if not isinstance(ledger, RemoteLedger):
            raise InvalidInput(Problem("has no access policies", "agent", "ledger", config.ledger, "name the ledger's service"))
        self._ledger = ledger
        for folder in (self._outbox, self._metrics):
            _make(folder)
        self._policy = PolicyCopy(ledger, Path(config.access_policy), list(config.tenants))
        self._left_behind = 0
        routes = {"/metrics": self._page, "/healthz": self._health, "/readyz": self._readiness}
        try:
            self.endpoints = Endpoints(config.port, routes)
        except OSError as error:
            raise Unavailable(Problem(f"cannot listen: {error.strerror}", "agent", "port", str(config.port), "choose a free one")) from None
        self._shipper = Shipper(self._outbox, config.ledger)
        self._following = Repeating("fetching the access policy", self._fetch_policy, policy_copy.PACE_SECONDS)
        self._adopting = Repeating("shipping what other pods left behind", self._adopt, ADOPT_SECONDS)

    def end(self) -> None:
        """Ship what is left, or keep it on the volume. Returns once nothing is only on this pod's disk."""
        self._following.close()
        self._adopting.close()
        threading.Thread(target=self._shipper.close, daemon=True).start()  # a batch in work may wait for a ledger that is out
        target = self._spill / self.config.subject.uid / _pod()
        ship_or_spill(self._outbox, self.config.ledger, target, self.config.drain_seconds)
        self.endpoints.close()

    def _fetch_policy(self) -> None:
        self._policy.follow(self._file.tenants())
        self._policy.fetch()

    def _adopt(self) -> None:
        found = waiting(self._spill, time.time())
        self._left_behind = len(found)
        for path in found:
            adopt(path, self._ledger)
            self._left_behind -= 1

    def _page(self) -> Answer:
        model = self.config.subject.name
        mine = [
            _gauge("moorage_access_policy_age_seconds", "Since the ledger last confirmed the policy.", model, self._policy.age_seconds()),
            _gauge("moorage_spilled_files", "Files of usage events on the volume that wait for the ledger.", model, self._left_behind),
        ]
        with suppress(MoorageError):  # an outbox that cannot be read is the shipper's to complain of
            left = backlog(self._outbox)
            mine += [_gauge(*OUTBOX_EVENTS, model, left.events), _gauge(*OUTBOX_LAG, model, lag_seconds(left))]
        return page(metrics_page(self._metrics, mine))

    def _health(self) -> Answer:
        dead = [each.name for each in (self._following, self._adopting) if not each.alive]
        return said(503, f"stopped: {', '.join(dead)}") if dead else said(200, "alive")

    def _readiness(self) -> Answer:
        return said(200, "ready") if self._policy.known else said(503, "the ledger has not given an access policy yet")


def main(arguments: list[str]) -> int:
    """0: ended when asked to, with everything shipped or kept; 1: something is missing or taken; 2: bad input."""
    parser = argparse.ArgumentParser(prog="python -m moorage_serving.cluster.agent", description="Moorage's agent of a serving pod.")
    parser.add_argument("--config", type=Path, required=True, help="An AgentConfig.")
    configure_logging()
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    try:
        agent = Agent(AgentConfigFile(parser.parse_args(arguments).config))
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    _log.info("the agent of %s answers on port %d", agent.config.subject.name, agent.endpoints.port)
    asked.wait()
    agent.end()
    _log.info("the agent has ended")
    return 0


def _pod() -> str:
    return os.environ.get(POD_VARIABLE) or socket.gethostname()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(Problem(f"cannot be made: {error.strerror}", str(folder), remedy="mount a writable volume there")) from None


def _gauge(name: str, words: str, model: str, value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=["model"])
    family.add_metric([model], value)
    return family


if __name__ == "__main__":
    # Nothing here runs when the process ends but what is daemonic: a thread that waits for a ledger that is out.
    code = main(sys.argv[1:])
    logging.shutdown()
    os._exit(code)
