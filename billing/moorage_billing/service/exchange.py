"""One request and its answer: bounded bodies in, JSON out, every error as `{"error": ...}` with the code that fits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from moorage_api.base import ApiModel
from moorage_api.errors import InvalidInput, MoorageError, Problem, Refused
from moorage_api.ledger_api import MAX_BODY_BYTES, ErrorDocument
from moorage_api.problems import problems_of
from moorage_billing.service.authorisation import Caller
from moorage_billing.service.ledger_room import LedgerRoom

_log = logging.getLogger("moorage.ledger")
_Document = TypeVar("_Document", bound=ApiModel)
_MAX_TOLD = 20


class Rejected(Exception):
    """The request ends here, with this code and message."""

    def __init__(self, code: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.headers = headers


@dataclass(frozen=True)
class Exchange:
    """A request of a caller who may make it."""

    request: Request
    caller: Caller
    room: LedgerRoom

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """A query parameter that must be there."""
        value = self.request.query_params.get(name)
        if not value:
            raise InvalidInput(Problem("the query parameter is missing", self.request.url.path, name))
        return value

    async def body(self) -> bytes:
        """The whole body. Raises Rejected (413) above the bound, without reading on."""
        announced = self.request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            raise _too_large(announced)
        parts, size = [], 0
        try:
            async for part in self.request.stream():
                size += len(part)
                if size > MAX_BODY_BYTES:
                    raise _too_large(f"more than {MAX_BODY_BYTES}")
                parts.append(part)
        except ClientDisconnect:
            raise Rejected(400, "the client went away before its body had come") from None
        return b"".join(parts)


def parsed(model: type[_Document], body: bytes, where: str) -> _Document:
    """The document in a body. Raises InvalidInput, naming the fields that are wrong."""
    try:
        return model.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidInput(*problems_of(error, where)) from None


def answer(document: ApiModel, code: int = 200) -> Response:
    """A document as JSON."""
    return Response(document.model_dump_json(by_alias=True, exclude_none=True), code, media_type="application/json")


def error_answer(code: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What every refusal looks like."""
    return JSONResponse(ErrorDocument(error=message).to_wire(), code, headers)


def answer_to(error: Exception, room: LedgerRoom, what: str) -> Response:
    """The answer that an error stands for. `what`: the request's method and route, for the log."""
    if isinstance(error, Rejected):
        return error_answer(error.code, str(error), error.headers)
    if isinstance(error, InvalidInput):
        return error_answer(400, _told(error))
    if isinstance(error, Refused):
        return error_answer(409, _told(error))
    if isinstance(error, MoorageError):
        room.metrics.database_errors.inc()
        _log.error("%s: %s", what, error)
        return error_answer(503, str(error), {"Retry-After": "1"})
    _log.error("%s failed: %s", what, type(error).__name__, exc_info=error)
    return error_answer(500, f"unexpected {type(error).__name__}; the ledger's log has the traceback")


def _told(error: MoorageError) -> str:
    return "\n".join(str(problem) for problem in error.problems[:_MAX_TOLD])


def _too_large(size: str) -> Rejected:
    return Rejected(413, f"the body has {size} bytes, the most is {MAX_BODY_BYTES}; send fewer events at once")
