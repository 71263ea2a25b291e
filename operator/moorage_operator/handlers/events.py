"""Watches: one low-level handler for every watched kind, and one for namespaces that are being deleted.

Low-level (`on.event`) on purpose: Kopf's change handlers keep their progress in annotations and a finalizer on every object, two more
writes an object; what is left to do follows here from the objects themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kopf

from moorage_operator.cache import Body
from moorage_operator.kube.kinds import WATCHED

Sink = Callable[[str | None, Body], None]
"""Takes an event's type (None: listed at the start of a watch) and the object's body."""


def watch_everything(registry: kopf.OperatorRegistry, sink: Sink) -> None:
    """Hand every event of every watched kind to `sink`."""
    for kind in WATCHED:

        @kopf.on.event(kind.group, kind.version, kind.plural, id=f"watch-{kind.plural}", registry=registry)
        async def on_event(event: Any, _kind: Any = kind, **_: Any) -> None:
            sink(event["type"], {"apiVersion": _kind.api_version, "kind": _kind.kind, **event["object"]})


def watch_leaving_namespaces(registry: kopf.OperatorRegistry, sink: Callable[[str], None]) -> None:
    """Hand the name of every namespace that is being deleted, or is gone, to `sink`."""

    @kopf.on.event("", "v1", "namespaces", id="watch-namespaces", registry=registry)
    async def on_event(event: Any, **_: Any) -> None:
        metadata = event["object"]["metadata"]
        if event["type"] == "DELETED" or "deletionTimestamp" in metadata:
            sink(metadata["name"])
