"""SIGTERM and SIGINT: the first ends the run at its next step, checkpointed; the second ends it at once."""

from __future__ import annotations

import signal
from types import FrameType


class StopSignal(BaseException):
    """Raised in the main thread, once; like KeyboardInterrupt it passes handlers that catch errors."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def raise_on_signals() -> None:
    """From now on; call it again after a library has set handlers of its own."""

    def first(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        raise StopSignal(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, first)
