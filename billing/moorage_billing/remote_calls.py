"""Calls of the ledger's service: one HTTP client, documents in and out, answers that are errors raised as such."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from moorage_api.base import ApiModel
from moorage_api.errors import InvalidInput, MoorageError, Problem, Refused, Unavailable

_Document = TypeVar("_Document", bound=ApiModel)
_Pairs = Sequence[tuple[str, str]]
_CONNECT_SECONDS = 5.0
_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0)  # the service keeps them for 75 s
_MAX_MESSAGE = 2000


@dataclass(frozen=True)
class Credential:
    """A token, or the file that holds it: the kubelet replaces it, so it is read at each use."""

    token: str | None
    file: Path | None

    def headers(self) -> dict[str, str]:
        """The Authorization header. Raises Unavailable if the file cannot be read, InvalidInput for what no header can hold."""
        token = self.token
        if self.file is not None:
            try:
                token = self.file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise Unavailable(Problem(f"the ledger's token cannot be read: {error}", str(self.file))) from None
        token = (token or "").strip()
        if not token.isascii() or any(c.isspace() or not c.isprintable() for c in token):
            raise InvalidInput(Problem("the ledger's token is not one word of ASCII", str(self.file or "")))
        return {"Authorization": f"Bearer {token}"} if token else {}


class Calls:
    """Safe for threads."""

    def __init__(self, url: str, credential: Credential, timeout_seconds: float) -> None:
        """Raises InvalidInput for a URL that is none."""
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise _bad_url(url, str(error)) from None
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise _bad_url(url, "it has no host")
        self._url = url
        self._credential = credential
        self._seconds = timeout_seconds
        self._client = httpx.Client(base_url=url, limits=_LIMITS, follow_redirects=False)

    def get(self, path: str, model: type[_Document], pairs: _Pairs = (), timeout_seconds: float | None = None) -> _Document:
        """The document at a path."""
        return self._read(model, self._call("GET", path, pairs=pairs, seconds=timeout_seconds))

    def get_or_none(self, path: str, model: type[_Document]) -> _Document | None:
        """The document at a path; None where there is none."""
        response = self._call("GET", path, allowed=(404,))
        if response.status_code == 404:
            if _message(response) is None:  # not our service's 404, so not its answer
                raise self._error(response)
            return None
        return self._read(model, response)

    def get_bytes(self, path: str, pairs: _Pairs, timeout_seconds: float) -> bytes:
        """What is at a path, as it stands."""
        return self._call("GET", path, pairs=pairs, seconds=timeout_seconds).content

    def get_if_changed(self, path: str, model: type[_Document], pairs: _Pairs, etag: str | None) -> tuple[_Document, str] | None:
        """The document at a path with its ETag; None where it is still the one with `etag`."""
        headers = {"If-None-Match": etag} if etag else {}
        response = self._call("GET", path, pairs=pairs, headers=headers, allowed=(304,))
        return None if response.status_code == 304 else (self._read(model, response), response.headers.get("etag", ""))

    def post(
        self, path: str, document: ApiModel | None, model: type[_Document], timeout_seconds: float | None = None, *, again: bool = True
    ) -> _Document:
        """Send a document, read the answer. `again`: doing it twice is doing it once."""
        return self._read(model, self._call("POST", path, document=document, seconds=timeout_seconds, again=again))

    def put(self, path: str, document: ApiModel, model: type[_Document]) -> _Document:
        """Put a document, read the answer."""
        return self._read(model, self._call("PUT", path, document=document))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(
        self,
        method: str,
        path: str,
        *,
        document: ApiModel | None = None,
        pairs: _Pairs = (),
        headers: dict[str, str] | None = None,
        allowed: Sequence[int] = (),
        seconds: float | None = None,
        again: bool = True,
    ) -> httpx.Response:
        content = None if document is None else document.model_dump_json(by_alias=True, exclude_none=True)
        sent = {**self._credential.headers(), **(headers or {}), **({"Content-Type": "application/json"} if content else {})}
        timeout = httpx.Timeout(seconds or self._seconds, connect=_CONNECT_SECONDS)
        for attempt in (1, 2):
            try:
                response = self._client.request(method, path, params=list(pairs), content=content, headers=sent, timeout=timeout)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if attempt == 1 and again:  # a kept connection that the service had closed, most of the time
                    continue
                raise self._unreachable(error) from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self._unreachable(error) from None
            if response.is_success or response.status_code in allowed:
                return response
            raise self._error(response)
        raise AssertionError("the second attempt returns or raises")

    def _read(self, model: type[_Document], response: httpx.Response) -> _Document:
        try:
            return model.model_validate_json(response.content, by_alias=True, by_name=False)
        except ValidationError:
            raise self._not_a_ledger(response) from None

    def _error(self, response: httpx.Response) -> MoorageError:
        code, message = response.status_code, _message(response)
        if message is None:
            return self._not_a_ledger(response)
        problems = [Problem(line, f"ledger {self._url}" if code in (401, 403) else "") for line in message.splitlines()]
        if code in (400, 404, 405, 413):
            return InvalidInput(*problems)
        if code in (401, 403, 409):
            return Refused(*problems)
        return Unavailable(*problems)

    def _unreachable(self, error: Exception) -> Unavailable:
        reason = str(error) or type(error).__name__
        return Unavailable(
            Problem(f"the ledger's service cannot be reached: {reason}", self._url, remedy="check the URL, and that it runs")
        )

    def _not_a_ledger(self, response: httpx.Response) -> Unavailable:
        message = f"what answers there ({response.status_code}) is not a ledger's service of this version"
        return Unavailable(Problem(message, self._url, remedy="check the URL"))


def _message(response: httpx.Response) -> str | None:
    """What the service says is wrong; None if this is no answer of the service."""
    try:
        document: Any = json.loads(response.content)
    except ValueError:
        return None
    message = document.get("error") if isinstance(document, dict) else None
    return message[:_MAX_MESSAGE] if isinstance(message, str) and message else None


def _bad_url(url: str, reason: str) -> InvalidInput:
    return InvalidInput(Problem(f"not a URL of a ledger's service: {reason}", "", "ledger", url, "write http://HOST:PORT"))
