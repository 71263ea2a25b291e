"""Runs in the client pod: `python - HOST PORT PATH MODEL KEY RATE SECONDS WIDTH`. A constant rate of requests over kept connections.

Prints how many were answered with which code, how many failed and why, and the latencies. It ends when the file STOP appears, after SECONDS
in any case.
"""

import asyncio
import collections
import json
import sys
import time
from pathlib import Path

host, port, path, model, key = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
rate, seconds, width = float(sys.argv[6]), float(sys.argv[7]), int(sys.argv[8])
body = json.dumps({"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, width], "data": [1.0] * width}]}).encode()
head = (
    f"POST {path}/v2/models/{model}/infer HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
).encode()
CONNECTIONS, STOP = 32, Path("/tmp/load.stop")
codes, failures, latencies = collections.Counter(), collections.Counter(), []


async def request(stream):
    reader, writer = stream
    writer.write(head + body)
    status = (await reader.readline()).split()
    if not status:
        raise ConnectionError("closed without an answer")
    length, close = 0, False
    while (line := (await reader.readline()).strip()) != b"":
        name, _, value = line.lower().partition(b":")
        length = int(value) if name == b"content-length" else length
        close = close or (name == b"connection" and value.strip() == b"close")
    content = await reader.readexactly(length)
    return int(status[1]), close, content


async def caller(number, start, stopped):
    stream, interval, done = None, CONNECTIONS / rate, 0
    while (due := start + number * interval / CONNECTIONS + done * interval) < start + seconds and not stopped.is_set():
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        done += 1
        began = time.monotonic()
        try:
            stream = stream or await asyncio.open_connection(host, port)
            code, close, content = await asyncio.wait_for(request(stream), 30)
            codes[code] += 1
            if code != 200:
                failures[content[:200].decode(errors="replace")] += 1
            latencies.append(time.monotonic() - began)
            if close:
                stream[1].close()
                stream = None
        except Exception as error:
            failures[f"{type(error).__name__}: {error}"] += 1
            stream = None


async def watch(stopped):
    while not await asyncio.to_thread(STOP.exists):  # noqa: ASYNC110 (a file tells, from outside of the process)
        await asyncio.sleep(0.2)
    stopped.set()


async def main():
    start = time.monotonic()
    stopped = asyncio.Event()
    watching = asyncio.create_task(watch(stopped))
    await asyncio.gather(*(caller(number, start, stopped) for number in range(CONNECTIONS)))
    watching.cancel()
    elapsed, ordered = time.monotonic() - start, sorted(latencies)
    found = {"codes": codes, "failures": failures, "sent": sum(codes.values()) + sum(failures.values()), "seconds": elapsed}
    found["p50_ms"], found["p99_ms"] = (round(1000 * ordered[int(share * len(ordered))], 1) for share in (0.5, 0.99))
    print(json.dumps(found))


asyncio.run(main())
