"""Applies TrainingJobs and sees RayJobs come, over one connection pool and one watch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from apiserver.control_plane import ControlPlane

AT_ONCE = 32
WAIT_SECONDS = 300.0


@dataclass(frozen=True)
class Measured:
    """Of each job: seconds from its creation's request to its RayJob's event; and the whole batch's span."""

    seconds: list[float]
    span_seconds: float

    @property
    def per_second(self) -> float:
        """Jobs by the time from the first request to the last RayJob."""
        return len(self.seconds) / self.span_seconds if self.span_seconds else 0.0

    def quantile(self, share: float) -> float:
        """E.g. 0.99."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Load:
    """Use as an asynchronous context."""

    def __init__(self, plane: ControlPlane, namespace: str, ray_job: dict[str, Any] | None = None) -> None:
        """ray_job: creates one for each job by itself, where no operator does."""
        self._plane, self._namespace, self._ray_job = plane, namespace, ray_job
        self._seen: dict[str, float] = {}
        self._sent: dict[str, float] = {}
        self._news = asyncio.Event()
        self.created = 0

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=str(self._plane.authority))
        headers = {"Authorization": f"Bearer {self._plane.tokens['admin']}"}
        self._session = aiohttp.ClientSession(
            self._plane.server, headers=headers, connector=aiohttp.TCPConnector(ssl=context, limit=AT_ONCE + 4), read_bufsize=2**21
        )
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await self._session.close()

    async def create_at_once(self, prefix: str, count: int) -> Measured:
        """As fast as the API server takes them."""
        names = [f"{prefix}-{number}" for number in range(count)]
        waiting = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            async with waiting:
                await self._create(name)

        await asyncio.gather(*(one(name) for name in names))
        return await self._measured(names)

    async def create_at_rate(self, prefix: str, rate: float, seconds: float) -> Measured:
        """`rate` a second, whatever becomes of them."""
        names = [f"{prefix}-{number}" for number in range(int(rate * seconds))]
        start, sending = time.monotonic(), []
        for number, name in enumerate(names):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            sending.append(asyncio.create_task(self._create(name)))
        await asyncio.gather(*sending)
        return await self._measured(names)

    async def _measured(self, names: list[str]) -> Measured:
        deadline = time.monotonic() + WAIT_SECONDS
        while missing := [name for name in names if name not in self._seen]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(missing)} of {len(names)} jobs have no RayJob, e.g. {missing[0]}")
            if self._watching.done():
                await self._watching
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 1.0)
        self.created += len(names)
        if not names:
            return Measured([], 0.0)
        span = max(self._seen[name] for name in names) - min(self._sent[name] for name in names)
        return Measured([self._seen[name] - self._sent[name] for name in names], span)

    async def _create(self, name: str) -> None:
        self._sent[name] = time.monotonic()
        await self._post("moorage.dev/v1alpha1", "trainingjobs", training_job(name, self._namespace))
        if self._ray_job is not None:
            metadata = {**self._ray_job["metadata"], "name": name, "namespace": self._namespace}
            await self._post("ray.io/v1", "rayjobs", {**self._ray_job, "metadata": metadata})

    async def _post(self, version: str, plural: str, body: dict[str, Any]) -> None:
        async with self._session.post(f"/apis/{version}/namespaces/{self._namespace}/{plural}", json=body) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{plural} {body['metadata']['name']}: {await answer.text()}")

    async def _watch(self) -> None:
        path = f"/apis/ray.io/v1/namespaces/{self._namespace}/rayjobs"
        # Only names are read, so only metadata is asked for: a watch of whole RayJobs would load the API server as much as an operator.
        headers = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
        version = "0"
        while True:  # the API server ends the watch of whoever is too slow for it
            query = {"watch": "true", "timeoutSeconds": "3600", "resourceVersion": version}
            async with self._session.get(path, params=query, headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as answer:
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        version = "0"
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._seen.setdefault(event["object"]["metadata"]["name"], time.monotonic())
                    self._news.set()


def training_job(name: str, namespace: str) -> dict[str, Any]:
    """A small job without a budget."""
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "tenant": "harbour",
            "dataset": {"uri": "sklearn://digits", "format": "Bundled"},
            "task": {"type": "TabularClassification", "model": "Linear"},
            "optimization": {"steps": 100, "batchSize": 64, "learningRate": 0.1},
        },
    }
