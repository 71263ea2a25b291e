"""Conditions: set by type, with a new transition time only when the status changes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from moorage_api.clock import timestamp
from moorage_api.meta import Condition, Status

Truth = Literal["True", "False", "Unknown"]
MAX_MESSAGE = 32768


def condition(status: Status | None, type_: str) -> Condition | None:
    """The condition of this type, or None."""
    return next((c for c in status.conditions if c.type == type_), None) if status else None


def holds(status: Status | None, type_: str, generation: int) -> bool | None:
    """True or False as decided on this generation; None if unknown or decided on another."""
    found = condition(status, type_)
    if found is None or found.observed_generation != generation or found.status == "Unknown":
        return None
    return found.status == "True"


def with_condition(
    conditions: list[Condition], type_: str, truth: Truth, reason: str, message: str, *, generation: int, now: datetime
) -> list[Condition]:
    """A copy of `conditions` in which `type_` is as told; order is kept, a new type goes last."""
    old = next((c for c in conditions if c.type == type_), None)
    since = old.last_transition_time if old is not None and old.status == truth else timestamp(now)
    new = Condition(
        type=type_,
        status=truth,
        reason=re.sub(r"[^A-Za-z0-9_]", "", reason) or "Unknown",
        message=message[:MAX_MESSAGE],
        last_transition_time=since,
        observed_generation=generation,
    )
    return [new if c.type == type_ else c for c in conditions] if old else [*conditions, new]
