"""An HTTP answer, and sending it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from moorage_serving.protocol.infer_response import InferBody
from moorage_serving.refusal import Refusal

Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]
_JSON: Header = (b"content-type", b"application/json")
_BINARY: Header = (b"content-type", b"application/octet-stream")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers but Content-Length. error: what is wrong, for the log."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = (_JSON,)
    error: str = ""


def json_answer(document: Any, status: int = 200) -> Answer:
    """A document as JSON."""
    return Answer(status, json.dumps(document, separators=(",", ":")).encode())


def infer_answer(body: InferBody) -> Answer:
    """A prediction, with raw tensors after the JSON where there are any."""
    if body.header_length is None:
        return Answer(200, body.content)
    return Answer(200, body.content, (_BINARY, (b"inference-header-content-length", b"%d" % body.header_length)))


def refusal_answer(refusal: Refusal) -> Answer:
    """`{"error": "..."}` and the headers that go with the status."""
    headers: list[Header] = [_JSON]
    if refusal.retry_after_seconds is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_seconds))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    error = str(refusal)
    return Answer(refusal.status, json.dumps({"error": error}).encode(), tuple(headers), error)


def with_event(answer: Answer, event: bytes) -> Answer:
    """The answer with the usage event that it is metered by, so that a caller can find it in the ledger."""
    return Answer(answer.status, answer.body, (*answer.headers, (b"x-moorage-usage-event", event)), answer.error)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send the whole answer."""
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
