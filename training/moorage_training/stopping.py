"""SIGTERM and SIGINT: the first ends the run at its next step, checkpointed; the second, where a person sends it, ends it at once."""

from __future__ import annotations

import signal
from types import FrameType


class StopSignal(BaseException):
    """Raised in the main thread, once; like KeyboardInterrupt it passes handlers that catch errors."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_after_the_first: signal.Handlers = signal.SIG_DFL


def stop_patiently() -> None:
    """From the first signal on ignore all others: on a cluster several parties ask, each once, and whoever loses patience sends SIGKILL."""
    global _after_the_first
    _after_the_first = signal.SIG_IGN


def ignore_signals() -> None:
    """From now on; what is still to be done is bounded in time."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def raise_on_signals() -> None:
    """From now on; call it again after a library has set handlers of its own."""

    def first(number: int, _: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, _after_the_first)
        raise StopSignal(signal.Signals(number).name)

    for number in _SIGNALS:
        signal.signal(number, first)
