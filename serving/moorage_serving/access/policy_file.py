"""The AccessPolicy's file, followed as it is replaced."""

from __future__ import annotations

import logging
from pathlib import Path

from moorage_api.access_policy import AccessPolicy
from moorage_api.errors import InvalidInput
from moorage_serving.access.key_ring import KeyRing, parse_policy

POLL_SECONDS = 0.5
"""A change is seen within two seconds; so often is the file looked at."""
_log = logging.getLogger("moorage.serving")


class PolicyFile:
    """Holds the last good policy. While there has never been one, no key is valid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._problem = ""
        self.ring = KeyRing(AccessPolicy())

    @property
    def known(self) -> bool:
        """Whether there has ever been a good policy."""
        return self._seen is not None

    def refresh(self) -> bool:
        """Read the file if it changed since the last call; True if there is a new ring. A missing or malformed file keeps the old one."""
        try:
            stat = self._path.stat()
            identity = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if identity == self._seen:
                return False
            ring = parse_policy(self._path.read_bytes(), str(self._path))
        except (OSError, InvalidInput, ValueError) as error:
            self._complain(str(error))
            return False
        self._seen, self._problem, self.ring = identity, "", ring
        return True

    def _complain(self, problem: str) -> None:
        """Once a problem, not once a poll."""
        if problem != self._problem:
            self._problem = problem
            _log.error("access policy not taken, the last good one stays: %s", problem)
