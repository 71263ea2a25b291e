"""What the driver tells the workers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkOrder:
    """config, plan: JSON; records are read anew from their source and must have `content`'s digest."""

    config: str
    plan: str
    fingerprint: str
    content: str
