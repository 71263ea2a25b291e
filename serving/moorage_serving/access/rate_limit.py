"""Token buckets: how fast a tenant may call."""

from __future__ import annotations

import math
from dataclasses import dataclass

from moorage_api.tenant import RateLimit


class TokenBucket:
    """`rate` tokens a second flow in, up to `burst`. Time is the caller's, in seconds of any monotonic clock."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._at = burst, now

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        self._tokens = min(self.burst, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate

    def resize(self, rate: float, burst: float, now: float) -> None:
        """Change the limit. What was used up stays used up: a raised burst fills at the new rate."""
        self._tokens = min(burst, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at, self.rate, self.burst = now, rate, burst


@dataclass(frozen=True, slots=True)
class Share:
    """One replica's part of a tenant's limit."""

    rate: float
    burst: float


def share_of(limit: RateLimit, replicas: int) -> Share:
    """The limit divided evenly over the running replicas, so that all of them together keep it.

    A bucket below one token could never let anything through, so a burst smaller than the number of replicas counts as that number.
    """
    return Share(limit.requests_per_second / replicas, max(1.0, limit.burst / replicas))


class RateLimits:
    """The buckets of all tenants on one replica."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def configure(self, limits: dict[str, RateLimit], replicas: int, now: float) -> None:
        """Follow a new policy or another number of replicas; tenants that are no longer limited lose their bucket."""
        buckets: dict[str, TokenBucket] = {}
        for tenant, limit in limits.items():
            share = share_of(limit, max(1, replicas))
            bucket = self._buckets.get(tenant)
            if bucket is None:
                bucket = TokenBucket(share.rate, share.burst, now)
            elif (bucket.rate, bucket.burst) != (share.rate, share.burst):
                bucket.resize(share.rate, share.burst, now)
            buckets[tenant] = bucket
        self._buckets = buckets

    def take(self, tenant: str, now: float) -> int | None:
        """None if the tenant may call now, else the whole seconds for Retry-After."""
        bucket = self._buckets.get(tenant)
        if bucket is None:
            return None
        wait = bucket.take(now)
        return None if wait == 0.0 else max(1, math.ceil(wait))
