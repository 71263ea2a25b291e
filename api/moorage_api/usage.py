"""Usage events: what the ledger holds, append-only, unique on (source, id)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Timestamp
from moorage_api.price_plan import MeterName

MICRO = 1_000_000


class Subject(ApiModel):
    """The object that caused the usage."""

    kind: Literal["TrainingJob", "ModelService"]
    """Its kind."""
    namespace: str
    """Its namespace."""
    name: str
    """Its name."""
    uid: str
    """Of this object; another of the same name has another."""


class UsageEvent(ApiModel):
    """One fact about use. A correction is another event, with a negative quantity and a source of its own."""

    source: Annotated[str, Field(min_length=1, max_length=200)]
    """Who counted: an outbox's id, or `TrainingJob/<uid>`."""
    id: Annotated[str, Field(min_length=1, max_length=200)]
    """Unique in the source, for ever; the same fact always gets the same id."""
    tenant: Annotated[str, Field(min_length=1, max_length=63)]
    """Who pays."""
    subject: Subject
    """What caused the use."""
    time: Timestamp
    """When it happened; decides the billing period. Of a bucket: its start."""
    code: Annotated[int, Field(ge=100, le=599)] | None = None
    """Of a request: the HTTP status that was answered. Only 2xx responses carry quantities."""
    quantities: dict[MeterName, int]
    """In millionths of the meter's unit (micro-requests, micro-core-seconds): one request is 1,000,000."""
