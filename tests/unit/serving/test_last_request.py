"""The end of a replica's connections, on a real uvicorn."""

import asyncio
import contextlib
import time

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from moorage_serving.http.last_request import answer_last_requests

LINGER_SECONDS = 0.5
REQUEST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}"


async def app(scope, receive, send):
    await receive()
    await asyncio.sleep(0.2 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def serving(base):
    protocol = type("Protocol", (base,), {})
    answer_last_requests(protocol, LINGER_SECONDS)
    config = uvicorn.Config(app, port=0, http=protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())  # without its signal handlers
    await until(lambda: server.started)
    try:
        yield server, server.servers[0].sockets[0].getsockname()[1], task
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 10)


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)


async def answered(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 200"), head
    assert await reader.readexactly(2) == b"ok"
    return head


@pytest.fixture(params=[HttpToolsProtocol, H11Protocol])
def base(request):
    return request.param


def test_a_request_that_crosses_the_end_is_answered_and_is_the_last(base):
    async def scene():
        async with serving(base) as (server, port, task):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            assert "connection: close" not in await answered(reader)
            server.should_exit = True
            await until(lambda: not server.servers[0].sockets)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            assert "connection: close" in await answered(reader)
            assert await reader.read() == b""
            await asyncio.wait_for(task, 10)

    asyncio.run(scene())


def test_a_connection_on_which_nothing_comes_is_closed(base):
    async def scene():
        async with serving(base) as (server, port, task):
            used, untouched = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            used[1].write(REQUEST)
            await answered(used[0])
            start = time.monotonic()
            server.should_exit = True
            assert await used[0].read() == await untouched[0].read() == b""
            assert time.monotonic() - start >= LINGER_SECONDS
            await asyncio.wait_for(task, 10)

    asyncio.run(scene())


def test_a_request_in_work_is_answered_without_lingering(base):
    async def scene():
        async with serving(base) as (server, port, task):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST.replace(b"POST /", b"POST /slow"))
            await asyncio.sleep(0.05)
            server.should_exit = True
            await answered(reader)
            assert await reader.read() == b""
            await asyncio.wait_for(task, 10)

    asyncio.run(scene())
