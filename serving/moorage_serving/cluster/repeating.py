"""A thread that does one thing again and again, and lives whatever becomes of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from moorage_api.errors import MoorageError

_log = logging.getLogger("moorage.agent")


class Repeating:
    """Does `work` every `seconds` until `close`. A trouble is logged once, and once that it is over."""

    def __init__(self, name: str, work: Callable[[], None], seconds: float) -> None:
        self.name = name
        self._work, self._seconds = work, seconds
        self._trouble = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def close(self, patience_seconds: float = 0.0) -> None:
        """Begin no more; what is in work is waited for at most so long."""
        self._over.set()
        self._thread.join(patience_seconds)

    def _live(self) -> None:
        while not self._over.is_set():
            try:
                self._work()
            except MoorageError as error:
                self._say(str(error))
            except Exception as error:  # the thread must live: nobody else does its work
                if self._trouble != repr(error):
                    _log.exception("%s: an error that it does not know", self.name)
                self._trouble = repr(error)
            else:
                if self._trouble:
                    _log.info("%s: works again", self.name)
                self._trouble = ""
            self._over.wait(self._seconds)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("%s, trying again: %s", self.name, trouble)
        self._trouble = trouble
