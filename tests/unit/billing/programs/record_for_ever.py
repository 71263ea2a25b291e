"""record_for_ever.py FOLDER: record events into an outbox, 16 at a time, printing `source id` of each once it is durable."""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from moorage_api.usage import Subject, UsageEvent
from moorage_billing.outbox import Outbox

SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")


async def main(folder: Path) -> None:
    outbox = Outbox.open(folder, "replica")
    numbers = itertools.count()

    async def caller() -> None:
        for number in numbers:
            quantities = {"Requests": 10**6}
            event = UsageEvent(
                source=outbox.source,
                id=str(number),
                tenant="acme",
                subject=SERVICE,
                time="2026-11-22T08:30:00Z",
                code=200,
                quantities=quantities,
            )
            await outbox.record(event)
            os.write(1, f"{event.source} {event.id}\n".encode())

    await asyncio.gather(*(caller() for _ in range(16)))


asyncio.run(main(Path(sys.argv[1])))
