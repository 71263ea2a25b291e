"""What a decision says before it is put into words: the state of each condition, the figures that change, the actions that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage_api.conditions import Truth
from moorage_operator.plan import Action

State = tuple[Truth, str, str]
"""Status, reason and message of a condition."""

ACCEPTED: State = ("True", "Valid", "")


@dataclass(frozen=True)
class End:
    """How the run ended."""

    succeeded: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Step:
    """One decision. `actions` follow once the status is written, so that what they rest on is known whoever is killed in between.

    running: the condition. reserved: of BudgetReserved; None: as it was. end: the run is over. changes: fields of the status.
    again_seconds: when to look again at the latest.
    """

    running: State
    actions: tuple[Action, ...] = ()
    again_seconds: float | None = None
    accepted: State = ACCEPTED
    reserved: State | None = None
    end: End | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
