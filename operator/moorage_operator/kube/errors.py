"""What the API server answers when it does not do as asked.

ApiError            any refusal, with status, reason and the server's sentence
├── NotFound        the object is not there
├── KindUnknown     the kind is not there: its CRD is not installed
├── Conflict        somebody changed the object meanwhile, or it is there already
├── Rejected        the request is wrong or forbidden: asking again helps only after a change
│   ├── Forbidden   ...and it is the operator's rights that are wanting
│   └── NamespaceTerminating   ...and nobody may make anything where it was to be made
└── Unreachable     no answer, or an answer that asks to come again (429, 5xx)
"""

from __future__ import annotations

import json
from typing import Any


class ApiError(Exception):
    """status: the HTTP status, 0 where there was no answer."""

    def __init__(self, what: str, status: int, reason: str, message: str) -> None:
        self.status, self.reason, self.message = status, reason, message
        super().__init__(f"{what}: {message or reason} (status {status})" if status else f"{what}: {message}")


class NotFound(ApiError):
    """The object is not there."""


class KindUnknown(ApiError):
    """The kind is not there."""


class Conflict(ApiError):
    """Somebody changed the object meanwhile, or it is there already."""


class Rejected(ApiError):
    """The request is wrong or forbidden."""


class Forbidden(Rejected):
    """The operator has no right to it, or nobody has at the time."""


class NamespaceTerminating(Rejected):
    """Nothing can be made any more in a namespace that is being deleted."""


class Unreachable(ApiError):
    """No answer, or one that asks to come again."""


def error_of(what: str, status: int, content: bytes) -> ApiError:
    """From an answer of 400 or more."""
    try:
        answer: dict[str, Any] = json.loads(content)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    reason, message = str(answer.get("reason") or ""), str(answer.get("message") or content[:200].decode(errors="replace"))
    details = answer.get("details") or {}
    if status == 404:
        # Only an answer about an object carries its name; one about an unknown path does not.
        named = bool(details.get("name"))
        return (NotFound if named else KindUnknown)(what, status, reason, message)
    if status in (409, 412):
        return Conflict(what, status, reason, message)
    if status == 403 and any(cause.get("reason") == "NamespaceTerminating" for cause in details.get("causes") or ()):
        return NamespaceTerminating(what, status, reason, message)
    if status == 403:
        return Forbidden(what, status, reason, message)
    if status == 429 or status >= 500:
        return Unreachable(what, status, reason, message)
    return Rejected(what, status, reason, message)
