"""The operator's start and end, as Kopf runs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import kopf


def on_start_and_stop(registry: kopf.OperatorRegistry, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None:
    """`start` ends before the first event is handled; `stop` begins after the last one was."""

    @kopf.on.startup(registry=registry)
    async def startup(**_: Any) -> None:
        await start()

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        await stop()
