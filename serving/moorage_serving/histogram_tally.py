"""A Prometheus histogram that is counted in plain numbers and published now and then.

The counters of prometheus_client lie in a mapped file, several for each observation, and cost more than encoding an answer.
"""

from __future__ import annotations

from bisect import bisect_left

from prometheus_client import Histogram


class HistogramTally:
    """Observations since the last `publish`. Reaches into the histogram, which takes them only one at a time otherwise."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._bounds = histogram._upper_bounds
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value into its bucket: the first whose bound is not below it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def publish(self) -> None:
        """Add what was counted to the histogram."""
        for bucket, count in zip(self._histogram._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        self._histogram._sum.inc(self._sum)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
