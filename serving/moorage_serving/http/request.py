"""The parts of an HTTP request that the service looks at, and its body up to a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from moorage_serving.refusal import Refusal

MAX_BODY_BYTES = 8 * 1024 * 1024
Receive = Callable[[], Awaitable[dict[str, Any]]]
_TENSORS_FOLLOW = b"inference-header-content-length"
_FORM = b"application/x-www-form-urlencoded"  # what curl -d says of any body, JSON too
_CONTENT_TYPES = frozenset({b"application/json", b"application/octet-stream", b"application/vnd.api+json", _FORM, b""})
_WANTED = frozenset({b"authorization", b"x-api-key", b"content-type", b"content-length", b"content-encoding", _TENSORS_FOLLOW})


class ClientGone(Exception):
    """The caller hung up before its request was whole; there is nobody to answer."""


class Headers:
    """The few headers that matter, of one request; the last of a repeated header counts."""

    __slots__ = ("_found",)

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._found = {name: value for name, value in raw if name in _WANTED}

    @property
    def api_key(self) -> str | None:
        """The key of `Authorization: Bearer KEY` or `X-API-Key: KEY`."""
        authorization = self._found.get(b"authorization")
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            return authorization[7:].strip().decode("latin-1")
        plain = self._found.get(b"x-api-key")
        return None if plain is None else plain.strip().decode("latin-1")

    @property
    def header_length(self) -> int | None:
        """Inference-Header-Content-Length. Raises Refusal (400)."""
        return self._length(_TENSORS_FOLLOW, "Inference-Header-Content-Length")

    @property
    def content_length(self) -> int | None:
        """Content-Length; None with chunked transfer. Raises Refusal (400)."""
        return self._length(b"content-length", "Content-Length")

    def check_media(self) -> None:
        """Raises Refusal (415) if the body is not what the protocol sends."""
        found = self._found.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if found not in _CONTENT_TYPES:
            raise Refusal(415, "is not supported", field="Content-Type", value=found.decode("latin-1"), remedy="send application/json")
        encoding = self._found.get(b"content-encoding", b"identity").strip().lower()
        if encoding not in (b"identity", b""):
            raise Refusal(
                415, "is not supported", field="Content-Encoding", value=encoding.decode("latin-1"), remedy="send it uncompressed"
            )

    def _length(self, name: bytes, shown: str) -> int | None:
        found = self._found.get(name)
        if found is None:
            return None
        if not found.isdigit() or len(found) > 18:
            raise Refusal(400, "must be a number of bytes", field=shown, value=found.decode("latin-1"))
        return int(found)


async def read_body(receive: Receive, declared: int | None, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body; nothing is read if `declared` (Content-Length) is above `limit`, and never more than the limit is kept.

    Raises Refusal (413) or ClientGone.
    """
    if declared is not None and declared > limit:
        raise _too_large(str(declared), limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large("more", limit)
        return body
    parts: list[bytes] = []
    total = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        total += len(part)
        if total > limit:
            raise _too_large("more", limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def _too_large(value: str, limit: int) -> Refusal:
    return Refusal(413, f"is larger than {limit} bytes", field="body", value=value, remedy="send fewer records at once")
