"""The replicas' time as usage: what the host saw of each replica, on disk, and billed to the service's tenant by the minute.

What was seen is written before it is needed, so a host that is killed loses at most the last second of its replicas.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from moorage_api.errors import MoorageError
from moorage_api.service_config import ServiceConfig
from moorage_api.usage import UsageEvent
from moorage_billing.compute_usage import replica_usage
from moorage_billing.ledger import Ledger
from moorage_serving.host.atomic_file import write_atomically

FILE = "replicas.json"
_log = logging.getLogger("moorage.serving")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One replica as far as it was seen. billed_until: the last `seen` up to which the ledger has its buckets."""

    replica: str
    cpus: float
    gpus: float
    started: str
    seen: str
    ended: bool = False
    billed_until: str | None = None


def observe(known: list[Lifetime], running: dict[str, float], cpus: float, gpus: float, now: float) -> list[Lifetime]:
    """Fold one observation in; pure. running: Unix seconds of the start by replica. A replica that is missing has ended when last seen."""
    moment = _timestamp(now)
    kept = [replace(one, seen=max(one.seen, moment)) if one.replica in running else replace(one, ended=True) for one in known]
    before = {one.replica for one in known}
    new = [Lifetime(name, cpus, gpus, _timestamp(min(start, now)), moment) for name, start in running.items() if name not in before]
    return kept + new


class ReplicaTime:
    """The lifetimes of one service's replicas, kept in its outbox folder."""

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._path = Path(config.outbox) / FILE
        # Whatever ran under an earlier host ended with it: replicas never outlive their host.
        self._known = [replace(one, ended=True) for one in _read(self._path)]

    def tick(self, running: dict[str, float], now: float) -> None:
        """Record what runs now and bill the minutes that are over; a ledger that is out is tried again at the next tick."""
        resources = self._config.resources
        self._known = observe(self._known, running, resources.cpus_per_replica, resources.gpus_per_replica, now)
        self._save()
        due = [(one, events) for one in self._known if (events := self._events(one)) or one.ended]
        if due and self._bill([event for _, events in due for event in events]):
            billed = {one.replica for one, _ in due}
            self._known = [replace(one, billed_until=one.seen) if one.replica in billed else one for one in self._known]
            self._known = [one for one in self._known if not (one.ended and one.replica in billed)]
            self._save()

    def _events(self, one: Lifetime) -> list[UsageEvent]:
        config = self._config
        return replica_usage(
            config.subject, config.tenant, one.replica, one.cpus, one.gpus, one.started, one.seen, one.ended, since=one.billed_until
        )

    def _bill(self, events: list[UsageEvent]) -> bool:
        try:
            ledger = Ledger(self._config.ledger)
            try:
                ledger.append(events)
            finally:
                ledger.close()
        except MoorageError as error:
            _log.warning("replica time waits for the ledger: %s", error)
            return False
        return True

    def _save(self) -> None:
        try:
            write_atomically(self._path, json.dumps([asdict(one) for one in self._known]))
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._path, error.strerror)


def _read(path: Path) -> list[Lifetime]:
    try:
        return [Lifetime(**entry) for entry in json.loads(path.read_bytes())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        _log.error("%s is not readable, its replicas' last minutes are not billed: %s", path, error)
        return []


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
