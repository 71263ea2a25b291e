"""An API server's store in memory, and the watches on it, which lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moorage_api.clock import timestamp
from moorage_operator.cache import Cache

Body = dict[str, Any]
NAMESPACE, JOB = "team-a", "digits"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class ObjectStore:
    """Objects by kind and name; bodies are replaced, never changed. `cache` is the operator's, `deliver` brings it an event."""

    def __init__(self) -> None:
        self.now, self.version, self._uid = START, 0, 0
        self.store: dict[tuple[str, str], Body] = {}
        self.cache = Cache()
        self._undelivered: list[tuple[str, Body]] = []

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _write(self, body: Body, deliver: bool = False) -> Body:
        self.version += 1
        body = {**body, "metadata": {**body["metadata"]}}
        if "uid" not in body["metadata"]:
            self._uid += 1
            body["metadata"]["uid"] = f"uid-{self._uid}"
        body["metadata"]["resourceVersion"] = str(self.version)
        key = (body["kind"], body["metadata"]["name"])
        if "deletionTimestamp" in body["metadata"] and not body["metadata"].get("finalizers"):
            self.store.pop(key, None)
            self._undelivered.append(("gone", body))
        else:
            self.store[key] = body
            self._undelivered.append(("put", body))
        if deliver:
            self.cache.put(body)
        return body

    def _delete(self, kind: str, name: str) -> None:
        body = self.store[kind, name]
        self._write({**body, "metadata": {"deletionTimestamp": timestamp(self.now), **body["metadata"]}})

    def get(self, kind: str, name: str) -> Body | None:
        return self.store.get((kind, name))

    def all(self, kind: str) -> list[Body]:
        return [body for (k, _), body in sorted(self.store.items()) if k == kind]

    def deliver(self, kind: str | None = None) -> bool:
        """The next event of a kind (any: the oldest) reaches the cache."""
        place = next((i for i, (_, body) in enumerate(self._undelivered) if kind is None or body["kind"] == kind), None)
        if place is None:
            return False
        what, body = self._undelivered.pop(place)
        if what == "put":
            self.cache.put(body)
        else:
            self.cache.remove(body)
        return True

    def deliver_all(self) -> None:
        while self.deliver():
            pass
