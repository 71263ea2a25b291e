"""Which tenant an API key belongs to."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from moorage_api.access_policy import KEY_PREFIX_LENGTH, AccessPolicy, ApiKey
from moorage_api.errors import InvalidInput, Problem
from moorage_api.tenant import RateLimit

MAX_KEY_LENGTH = 256
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class _Entry:
    sha256: str
    tenant: str
    ends: float
    """Unix seconds from which on the key is no longer valid."""


class KeyRing:
    """The keys of one AccessPolicy. Immutable: a new policy is a new ring, so that no decision outlives a revocation."""

    def __init__(self, policy: AccessPolicy) -> None:
        self._by_prefix = {k.prefix: _Entry(k.sha256, t.name, _end_of(k)) for t in policy.tenants for k in t.keys}
        self.limits: dict[str, RateLimit] = {t.name: t.rate_limit for t in policy.tenants if t.rate_limit is not None}

    def tenant_of(self, key: str, now: float) -> str | None:
        """The tenant of `key`; None if it is unknown, expired or revoked at `now` (Unix seconds).

        The prefix, which is public, finds the entry; the whole key's SHA-256 is compared in constant time.
        """
        if len(key) > MAX_KEY_LENGTH:
            return None
        entry = self._by_prefix.get(key[:KEY_PREFIX_LENGTH])
        found = hashlib.sha256(key.encode()).hexdigest()
        matches = hmac.compare_digest(found, _NOBODY if entry is None else entry.sha256)
        return entry.tenant if entry is not None and matches and now < entry.ends else None


def parse_policy(content: bytes, where: str) -> KeyRing:
    """Raises InvalidInput."""
    try:
        return KeyRing(AccessPolicy.model_validate_json(content, by_alias=True, by_name=False))
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(Problem(first["msg"], where, ".".join(map(str, first["loc"])), remedy="write the whole policy again")) from None


def _end_of(key: ApiKey) -> float:
    moments = [_seconds(m) for m in (key.expires_at, key.revoked_at) if m is not None]
    return min(moments, default=float("inf"))


def _seconds(timestamp: str) -> float:
    moment = datetime.fromisoformat(timestamp)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
