"""A replica's ASGI application in this process, with a real artifact, outbox and access policy; no Ray."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))

from serving_scenario import IRIS, Keys, service_config, write_artifact

from moorage_api.serving_environment import METRICS_FOLDER_VARIABLE
from moorage_billing.ledger import Ledger
from moorage_billing.shipper import drain
from moorage_serving.replica import Replica


class Running:
    """One replica that answers in this process."""

    def __init__(self, home: Path, replica: Replica, keys: Keys, key: str, prefix: str) -> None:
        self.home, self.replica, self.keys, self.key, self.prefix = home, replica, keys, key, prefix
        transport = httpx.ASGITransport(app=replica, root_path=prefix, raise_app_exceptions=True)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://service")

    async def infer(self, document: Any, model: str = "iris", **options: Any) -> httpx.Response:
        """POST a document with the running replica's key."""
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return await self.client.post(f"{self.prefix}/v2/models/{model}/infer", json=document, headers=headers, **options)


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`serving(test, ...)` runs `await test(running)` and returns the events that the replica left in the ledger."""
    monkeypatch.setenv(METRICS_FOLDER_VARIABLE, str(tmp_path / "metrics"))

    @asynccontextmanager
    async def replica(signature: Any, replicas: int, prepare: Callable[[Keys], None] | None, **options: Any) -> AsyncIterator[Running]:
        keys = Keys(tmp_path / "access.json")
        key = keys.create("acme")
        if prepare is not None:
            prepare(keys)
            keys.write()
        digest = write_artifact(tmp_path / "iris" / "artifact", signature)
        config = service_config(tmp_path, "iris", digest, **options)
        app = Replica(config, "replica-1", lambda: replicas)
        follower = asyncio.get_running_loop().create_task(app._follow())
        running = Running(tmp_path, app, keys, key, config.route_prefix)
        try:
            yield running
        finally:
            follower.cancel()
            await running.client.aclose()
            await app.close()

    def run(
        test: Callable[[Running], Awaitable[None]], *, signature: Any = IRIS, replicas: int = 1, prepare: Any = None, **options: Any
    ) -> Any:
        async def body() -> None:
            async with replica(signature, replicas, prepare, **options) as running:
                await test(running)

        asyncio.run(body())
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        drain(tmp_path / "iris" / "outbox", url)
        ledger = Ledger(url)
        try:
            return list(ledger.events())
        finally:
            ledger.close()

    return run
