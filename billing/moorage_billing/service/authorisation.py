"""Who may do what: pure. The routes' table names a Right for each route."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from moorage_api.usage import UsageEvent
from moorage_billing.instant import SECOND_US, micros_of

_SERVICE_ACCOUNT = re.compile(r"^system:serviceaccount:([a-z0-9]([-a-z0-9]*[a-z0-9])?):[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_MAX_AHEAD_US = 24 * 3600 * SECOND_US


class Right(Enum):
    """What a route asks for."""

    NONE = "none"  # probes and metrics
    OPERATE = "operate"  # the operator alone
    ADMINISTER = "administer"  # money, privacy, keys: the operator and administrators
    METER = "meter"  # events: the operator, and service accounts for their own namespace
    FOLLOW = "follow"  # the access policy: everyone who may do anything, service accounts by tenant


@dataclass(frozen=True)
class Caller:
    """Somebody who was authenticated. namespace: of a service account, else None."""

    username: str
    is_operator: bool = False
    is_administrator: bool = False
    namespace: str | None = None

    @property
    def sees_everything(self) -> bool:
        """May read what concerns all tenants."""
        return self.is_operator or self.is_administrator


def caller_of(username: str, operator: str, administrators: Iterable[str]) -> Caller:
    """What a user name stands for."""
    account = _SERVICE_ACCOUNT.match(username)
    return Caller(username, username == operator, username in administrators, account[1] if account else None)


def refusal(caller: Caller, right: Right) -> str | None:
    """Why the caller may not; None where it may."""
    if caller.is_operator or right is Right.NONE:
        return None
    if right is Right.OPERATE:
        return f"{caller.username} is not the operator of this ledger, the only one who may do this"
    if right is Right.ADMINISTER and not caller.is_administrator:
        return f"{caller.username} is no administrator of this ledger; list it under `administrators` in the ledger's settings"
    if right is Right.METER and (caller.namespace is None or caller.is_administrator):
        return f"{caller.username} is an administrator or no service account; events come from the operator and from services"
    if right is Right.FOLLOW and caller.namespace is None and not caller.is_administrator:
        return f"{caller.username} is neither a service account nor an administrator of this ledger"
    return None


def forbidden_event(caller: Caller, events: Iterable[UsageEvent], now_us: int) -> str | None:
    """Why one of the events is none that the caller may report, naming it; None where all are. `now_us`: since 1970.

    Pods of a tenant report what their replicas counted, and are not trusted beyond it: not with other namespaces, not with
    corrections, not with sources such as `Pod/UID`, whose ids they could take before the operator bills by them.
    """
    if caller.is_operator:
        return None
    for event in events:
        where = f"event {event.id!r} of source {event.source!r}"
        subject = event.subject
        if subject.kind != "ModelService" or subject.namespace != caller.namespace:
            return (
                f"{where}: subject is {subject.kind} {subject.namespace}/{subject.name}, "
                f"and {caller.username} may report only ModelServices of its own namespace"
            )
        if "/" in event.source:
            return f"{where}: sources with a slash are the operator's; report from an outbox"
        if any(quantity < 0 for quantity in event.quantities.values()):
            return f"{where}: a negative quantity is a correction, and those are the operator's"
        if micros_of(event.time) > now_us + _MAX_AHEAD_US:
            return f"{where}: time {event.time} is more than a day ahead; set the node's clock"
    return None
