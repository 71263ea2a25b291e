"""The operator's own rounds: looks at what no event tells of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle
from zlib import crc32

from moorage_operator.cache import Body, Cache, key_of
from moorage_operator.dependents import WorkKey, concerned
from moorage_operator.kube.client import Kube
from moorage_operator.kube.kinds import RESOURCES
from moorage_operator.resync import resync, visit_leaving
from moorage_operator.settings import OperatorSettings

DRIFT = WorkKey("Drift")
UPKEEP = WorkKey("Upkeep")
UPKEEP_TURNS = 60
"""What stands around running work is applied again in so many parts of the drift period, lest thousands of writes hold up new jobs."""
LEAVING_SECONDS = 2.0
"""How often the objects are visited of a namespace that is being deleted, where the watches of it have ended."""


def leaving(namespace: str) -> WorkKey:
    """The key of a namespace that is being deleted."""
    return WorkKey("LeavingNamespace", "", namespace)


def everything(cache: Cache) -> Iterator[WorkKey]:
    """The key of every resource that there is."""
    for kind in RESOURCES:
        for body in cache.all(kind.kind):
            yield WorkKey(kind.kind, *key_of(body))


class Rounds:
    """One operator's. add: puts a key into the queue; gone: told of what turned out not to be there; keep_up: see Steps.keep_up."""

    def __init__(
        self,
        settings: OperatorSettings,
        cache: Cache,
        kube: Kube,
        add: Callable[[WorkKey], None],
        gone: Callable[[Body], None],
        keep_up: Callable[[WorkKey], None],
    ) -> None:
        self._settings, self._cache, self._kube = settings, cache, kube
        self._add, self._gone, self._keep_up = add, gone, keep_up
        self._turns = cycle(range(UPKEEP_TURNS))

    def by_kind(self) -> dict[str, Callable[[WorkKey], Awaitable[float | None]]]:
        """The step of each kind of key."""
        return {DRIFT.kind: self.drift, UPKEEP.kind: self.upkeep, leaving("").kind: self.leaving}

    async def drift(self, _key: WorkKey) -> float | None:
        """Compare everything with the API server, and look at it though nothing is known to have changed."""
        for body in await resync(self._kube, self._cache, self._settings.watch_namespaces):
            self._gone(body)
        for key in everything(self._cache):
            self._add(key)
        return self._settings.drift_seconds

    async def upkeep(self, _key: WorkKey) -> float | None:
        """See to what stands around running work, of those whose turn it is."""
        turn = next(self._turns)
        for key in everything(self._cache):
            if crc32(str(key).encode()) % UPKEEP_TURNS == turn:
                self._keep_up(key)
                self._add(key)
        return self._settings.drift_seconds / UPKEEP_TURNS

    async def leaving(self, key: WorkKey) -> float | None:
        """Visit what is known of a namespace that is being deleted, until nothing is left."""
        changed, gone = await visit_leaving(self._kube, self._cache, key.name)
        for body in changed:
            for concern in concerned(self._cache, body):
                self._add(concern)
        for body in gone:
            self._gone(body)
        return LEAVING_SECONDS if self._cache.within(key.name) else None
