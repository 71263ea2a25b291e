"""One usage event for each answer to a recognised caller, durable before the answer leaves."""

from __future__ import annotations

import itertools
import json
import time
from functools import lru_cache

from moorage_api.errors import MoorageError, Unavailable
from moorage_api.usage import MICRO, Subject
from moorage_billing.outbox import Outbox
from moorage_serving.refusal import Refusal


class Meter:
    """Counts into one outbox, whose `source` is this replica's alone; so a sequence number makes an event's id unique."""

    def __init__(self, outbox: Outbox, subject: Subject) -> None:
        self._outbox = outbox
        self._lines = EventLines(outbox.source, subject)
        self._sequence = itertools.count()

    async def record(self, tenant: str, code: int, rows: int) -> bytes:
        """Return once the answer is counted on disk: the event's `source/id`. Raises Refusal (503) if it cannot be."""
        sequence = next(self._sequence)
        try:
            await self._outbox.record_line(self._lines.line(sequence, tenant, code, rows, time.time()))
        except (MoorageError, OSError) as error:
            reason = error.problems[0].message if isinstance(error, Unavailable) else type(error).__name__
            raise Refusal(503, f"the request cannot be metered: {reason}", remedy="try again", retry_after_seconds=1) from None
        return f"{self._outbox.source}/{sequence}".encode()

    def close(self) -> None:
        """Write what waits."""
        self._outbox.close()


class EventLines:
    """Encodes the events of one source and subject; what does not change is encoded once, for a UsageEvent costs as much as inference."""

    def __init__(self, source: str, subject: Subject) -> None:
        self._head = f'{{"source":{json.dumps(source)},"subject":{subject.model_dump_json(by_alias=True)},"tenant":'

    def line(self, sequence: int, tenant: str, code: int, rows: int, now: float) -> str:
        """A UsageEvent as JSON; pure. Only a 2xx answer that predicted `rows` > 0 carries quantities. now: Unix seconds."""
        quantities = f'"Requests":{MICRO},"RowsPredicted":{rows * MICRO}' if rows and 200 <= code < 300 else ""
        identity = f'"id":"{sequence}","time":"{_rfc3339(now)}","code":{code}'
        return f'{self._head}{json.dumps(tenant)},{identity},"quantities":{{{quantities}}}}}'


def _rfc3339(now: float) -> str:
    whole = int(now)
    return f"{_second(whole)}.{int((now - whole) * 1e6):06d}Z"


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
