"""One service on this host: whether its artifact is sound, how it stands in Ray Serve, and its money."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from moorage_api.artifact import read_artifact
from moorage_api.errors import MoorageError
from moorage_api.service_config import ServiceConfig, ServiceState
from moorage_billing.shipper import Shipper, drain
from moorage_serving.host.application_seen import ApplicationSeen, why_no_replica_runs
from moorage_serving.host.replica_time import ReplicaTime

_PROBE_SECONDS = 2.0


class HostedService:
    """Follows one ServiceConfig from its check to its last usage event."""

    def __init__(self, config: ServiceConfig, address: str) -> None:
        """address: `http://HOST:PORT`. Never raises for what is wrong with the artifact: `refusal` says it."""
        self.config = config
        self.name = application_name(config)
        self.url = address + config.route_prefix
        self.refusal = _artifact_problem(config)
        self._answers = False
        self._time = ReplicaTime(config)
        self._shipper = Shipper(Path(config.outbox), config.ledger)

    def observe(self, seen: ApplicationSeen | None, now: float) -> ServiceState:
        """Bill the replicas' time and say how the service stands."""
        replicas = seen.replicas if seen is not None else []
        self._time.tick({r.replica: r.started for r in replicas if r.pid is not None}, now)
        running = sum(r.running for r in replicas)
        if self.refusal:
            return self._state(False, self.refusal, running)
        if seen is None:
            return self._state(False, "not deployed yet", 0)
        if running == 0:
            self._answers = False
            return self._state(False, why_no_replica_runs(seen), 0)
        self._answers = self._answers or _answers(self.url)
        return self._state(self._answers, self._warning() if self._answers else "starting to answer", running)

    def hand_over(self) -> None:
        """Let a new HostedService with the same outbox take over while the replicas are replaced."""
        self._shipper.close()

    def retire(self, now: float) -> None:
        """Settle what is left once the replicas are gone: their time, and what their outboxes hold."""
        self._time.tick({}, now)
        self._shipper.close()
        drain(Path(self.config.outbox), self.config.ledger)

    def _warning(self) -> str:
        error = self._shipper.last_error
        return "" if error is None else f"usage waits for the ledger: {error}"

    def _state(self, ready: bool, message: str, replicas: int) -> ServiceState:
        return ServiceState(name=self.name, ready=ready, url=self.url, message=message, replicas=replicas)


def application_name(config: ServiceConfig) -> str:
    """`namespace/name`, in status and in Ray Serve alike."""
    return f"{config.subject.namespace}/{config.subject.name}"


def _artifact_problem(config: ServiceConfig) -> str:
    try:
        read_artifact(Path(config.artifact), expected=config.digest)
    except MoorageError as error:
        return str(error)
    return ""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v2/health/ready", timeout=_PROBE_SECONDS) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
