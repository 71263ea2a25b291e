"""Ctrl-C and SIGTERM as a request that the main loop reads, so that nothing is cut off in the middle."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


class StopRequest:
    """Set by the first signal. A second one raises KeyboardInterrupt: somebody is in a hurry."""

    def __init__(self) -> None:
        self._event = Event()
        self.exit_code = 130

    @property
    def made(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the request at most so long; whether it was made."""
        return self._event.wait(seconds)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The handler."""
        if self.made:
            raise KeyboardInterrupt
        self.exit_code = 128 + number
        self._event.set()


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """While inside, SIGINT, SIGTERM and SIGHUP only make the request."""
    request = StopRequest()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, request.on_signal) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
