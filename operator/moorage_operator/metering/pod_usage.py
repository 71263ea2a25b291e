"""A lifetime as usage events. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from moorage_api.usage import UsageEvent
from moorage_billing.compute_usage import BUCKET_SECONDS
from moorage_billing.compute_usage import pod_usage as usage_of
from moorage_billing.instant import SECOND_US, micros_of, timestamp_of
from moorage_operator.metering.lifetime import Lifetime


def pod_usage(lifetime: Lifetime, now_us: int, since_us: int | None = None) -> Iterator[UsageEvent]:
    """The events of a pod's buckets that cannot change any more, in their order: whole buckets while it runs, the rest at its end.

    `since_us` leaves out the buckets that ended by then. What a lifetime gives at two times is the same, but for
    what is new; a kubelet whose clock is ahead is taken at its word, for its two times are of the one clock.
    """
    end_us = lifetime.end_at(now_us)
    until_us = lifetime.certain_at(now_us) if end_us is None else end_us
    nothing_new = since_us is not None and end_us is None and until_us < since_us + BUCKET_SECONDS * SECOND_US
    if until_us <= lifetime.start_us or nothing_new:
        return
    yield from usage_of(
        lifetime.uid,
        lifetime.subject,
        lifetime.tenant,
        lifetime.cpus,
        lifetime.gpus,
        timestamp_of(lifetime.start_us),
        timestamp_of(until_us),
        final=end_us is not None,
        since=None if since_us is None else timestamp_of(since_us),
    )


def bucket_end_us(event: UsageEvent) -> int:
    """When the bucket of an event is over, in microseconds since 1970."""
    return micros_of(event.time) + BUCKET_SECONDS * SECOND_US
