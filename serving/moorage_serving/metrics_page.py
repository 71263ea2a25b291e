"""The Prometheus page of all processes that share a metrics folder, for whoever asks: a replica, or the agent in another container."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import prometheus_client
from prometheus_client import CollectorRegistry, Metric, multiprocess
from prometheus_client.registry import Collector

from moorage_billing.outbox_file import acquire

OUTBOX_EVENTS = ("moorage_outbox_events", "Usage events that wait for the ledger.")
OUTBOX_LAG = ("moorage_outbox_lag_seconds", "How long the oldest waits.")
_MARK = ".alive"


def mark_alive(folder: Path) -> None:
    """Let others see that this process lives, for as long as it does: by a lock, since a pid means nothing in another container."""
    acquire(folder / f"{os.getpid()}{_MARK}")


def metrics_page(folder: Path, beside: Iterable[Metric] = ()) -> bytes:
    """The exposition of every process, those that have gone included, except for the gauges of those.

    beside: metrics that stand in place of the processes' own of the same name.
    """
    _forget_the_dead(folder)
    registry = CollectorRegistry()
    registry.register(_Page(folder, {metric.name: metric for metric in beside}))
    return prometheus_client.generate_latest(registry)


class _Page(Collector):
    def __init__(self, folder: Path, beside: dict[str, Metric]) -> None:
        self._processes = multiprocess.MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]
        self._beside = beside

    def describe(self) -> Iterable[Metric]:
        return []  # else the registry would read every file once more to learn the names

    def collect(self) -> Iterator[Metric]:
        for metric in self._processes.collect():  # type: ignore[no-untyped-call]
            if metric.name not in self._beside:
                yield metric
        yield from self._beside.values()


def _forget_the_dead(folder: Path) -> None:
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit():
            mark = folder / f"{pid}{_MARK}"
            lock = acquire(mark)
            if lock is not None:
                multiprocess.mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]
                mark.unlink(missing_ok=True)
                os.close(lock)
