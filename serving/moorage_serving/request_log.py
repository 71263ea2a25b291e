"""One line of JSON for a request that was refused: never a body, never more of a key than its public prefix."""

from __future__ import annotations

import json
import logging
import sys

from moorage_api.access_policy import KEY_PREFIX_LENGTH
from moorage_serving.access.rate_limit import TokenBucket
from moorage_serving.refusal import shorten

LINES_PER_SECOND = 50.0
"""Beyond this refusals are only counted: a flood of bad requests must not become a flood on disk."""


class RequestLog:
    """Writes to the `moorage.serving` logger."""

    def __init__(self, service: str, replica: str) -> None:
        self._log = logging.getLogger("moorage.serving")
        self._fixed = {"service": service, "replica": replica}
        self._bucket = TokenBucket(LINES_PER_SECOND, 2 * LINES_PER_SECOND, 0.0)
        self._suppressed = 0

    def refused(self, now: float, method: str, path: str, status: int, error: str, key: str | None, milliseconds: float) -> None:
        """Log one answer of 4xx or 5xx. now: of a monotonic clock."""
        if self._bucket.take(now) > 0.0:
            self._suppressed += 1
            return
        line = {
            **self._fixed,
            "method": shorten(method, 16),
            "path": shorten(path, 200),
            "status": status,
            "error": error,
            "key": None if key is None else shorten(key[:KEY_PREFIX_LENGTH]) if key.startswith("mrg_") else "not a key",
            "milliseconds": round(milliseconds, 3),
            "suppressed": self._suppressed,
        }
        self._suppressed = 0
        self._log.warning(json.dumps(line))


def configure_logging() -> None:
    """Send the `moorage` loggers to standard error, one line each with time and level."""
    logger = logging.getLogger("moorage")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.__stderr__)  # in a replica, sys.stderr is a buffer of Ray Serve
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
