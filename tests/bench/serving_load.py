"""A load generator: `python serving_load.py PLAN.json` sends one request over and over on keep-alive connections.

Runs in a process of its own, speaks HTTP/1.1 on bare sockets, and prints one JSON object: answers by code, seconds, latencies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import cast


class Caller(asyncio.Protocol):
    """One connection with one request in work at a time."""

    def __init__(self, request: bytes, until: float, codes: Counter[str], latencies: list[float], done: asyncio.Future[None]) -> None:
        self._request, self._until, self._codes, self._latencies, self._done = request, until, codes, latencies, done
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count an answer once it is whole, and send the next request."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or not _is_whole(head.lower(), body):
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        self._codes[head[9:12].decode()] += 1
        self._buffer = b""
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The end, wanted or not."""
        if error is not None or time.perf_counter() < self._until:
            self._codes["broken"] += 1
        if not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)


def _is_whole(head: bytes, body: bytes) -> bool:
    """Whether an answer to one request has arrived; head in lower case."""
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    start = head.index(b"content-length:") + 15
    end = head.find(b"\r\n", start)
    return len(body) >= int(head[start : end if end >= 0 else None])


async def generate(host: str, port: int, request: bytes, connections: int, seconds: float) -> dict[str, object]:
    """Answers by code, the seconds that it took, and each answer's latency in seconds."""
    loop = asyncio.get_running_loop()
    codes: Counter[str] = Counter()
    latencies: list[float] = []
    start = time.perf_counter()
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: Caller(request, start + seconds, codes, latencies, end), host, port)
    await asyncio.gather(*ends)
    return {"codes": dict(codes), "seconds": time.perf_counter() - start, "latencies": latencies}


def main() -> None:
    """PLAN.json: host, port, request (text), connections, seconds."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    result = generate(plan["host"], plan["port"], plan["request"].encode(), plan["connections"], plan["seconds"])
    json.dump(asyncio.run(result), sys.stdout)


if __name__ == "__main__":
    main()
