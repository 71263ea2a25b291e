"""API keys: how one is drawn, when it is active, how many a tenant may have, and their log read as a state. Pure but for the draw."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from moorage_api.access_policy import KEY_PREFIX_LENGTH, ApiKey
from moorage_api.clock import moment, timestamp
from moorage_api.errors import Problem, Refused
from moorage_api.ledger_api import KeyInfo

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
PREFIX_CHARACTERS = 8
SECRET_CHARACTERS = 40
"""Of 36 letters and digits: 206 bits, above the 190 that a key must have."""
MAX_ACTIVE_KEYS = 2
KeyState = Literal["active", "revoked", "expired"]


@dataclass(frozen=True)
class NewKey:
    """A key at the only moment at which it is whole."""

    key: str
    kept: ApiKey


def new_key(now: datetime, lifetime: timedelta | None) -> NewKey:
    """Draw a key from the system's secure generator."""
    prefix = "mrg_" + "".join(secrets.choice(ALPHABET) for _ in range(PREFIX_CHARACTERS))
    key = f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARACTERS))
    expires = timestamp(now + lifetime) if lifetime is not None else None
    sha256 = hashlib.sha256(key.encode()).hexdigest()
    return NewKey(key, ApiKey(prefix=prefix, sha256=sha256, created_at=timestamp(now), expires_at=expires))


def prefix_of(given: str) -> str:
    """The public part of a key, or of a prefix: nothing more of what somebody typed may be sent, shown or logged."""
    return given[:KEY_PREFIX_LENGTH]


def state_of(key: ApiKey, now: datetime) -> KeyState:
    """Whether the key opens anything now, and if not, why."""
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.expires_at is None or moment(key.expires_at) > now else "expired"


def is_active(key: ApiKey, now: datetime) -> bool:
    """Neither revoked nor expired."""
    return state_of(key, now) == "active"


def key_info(key: ApiKey, now: datetime) -> KeyInfo:
    """What people see of a key."""
    return KeyInfo(
        prefix=key.prefix, state=state_of(key, now), created_at=key.created_at, expires_at=key.expires_at, revoked_at=key.revoked_at
    )


def require_room(keys: Iterable[ApiKey], tenant_ref: str, now: datetime) -> None:
    """Raises Refused, naming the active keys, if the tenant has as many as it may have."""
    active = [key.prefix for key in keys if is_active(key, now)]
    if len(active) >= MAX_ACTIVE_KEYS:
        message = f"it has {len(active)} active keys, the most at a time"
        raise Refused(Problem(message, tenant_ref, value=", ".join(active), remedy="revoke one with `moorage keys revoke PREFIX`"))
