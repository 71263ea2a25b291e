"""Instants: RFC 3339 strings outside, integer microseconds since 1970 UTC inside (ordered)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moorage_api.errors import InvalidInput, Problem

SECOND_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_of(timestamp: str) -> int:
    """Microseconds since 1970, what is finer cut off. Raises InvalidInput if `timestamp` is not RFC 3339 with an offset."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput(Problem("not a timestamp", "", "time", timestamp, "write RFC 3339 in UTC, such as 2026-11-22T08:30:00Z"))
    return (moment - _EPOCH) // timedelta(microseconds=1)


def timestamp_of(micros: int) -> str:
    """The one way that an instant is written: UTC with `Z`, a fraction only where there is one."""
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.replace(tzinfo=None).isoformat() + "Z"
