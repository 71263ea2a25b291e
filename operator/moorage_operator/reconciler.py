"""Observe, decide, apply: what a key of the queue leads to. Every path begins here, whatever event put the key into the queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from moorage_api.errors import MoorageError
from moorage_operator.dependents import WorkKey
from moorage_operator.kube.errors import ApiError, Conflict, NamespaceTerminating
from moorage_operator.metrics import OperatorMetrics

_log = logging.getLogger(__name__)
CONFLICT_SECONDS = 0.05
TERMINATING_SECONDS = 10.0
Step = Callable[[WorkKey], Awaitable[float | None]]


class Reconciler:
    """Leads each key to the step for its kind, times it, and words what went wrong."""

    def __init__(self, steps: dict[str, Step], metrics: OperatorMetrics) -> None:
        self._steps, self._metrics = steps, metrics
        self.last_success = time.monotonic()

    async def __call__(self, key: WorkKey) -> float | None:
        """When to look again. Raises what went wrong, once it was logged, so that the queue tries again."""
        start = time.monotonic()
        try:
            again = await self._steps[key.kind](key)
        except Conflict as error:
            # Somebody was quicker: their change is on its way here through the watch.
            _log.debug("%s: %s", key, error)
            return CONFLICT_SECONDS
        except NamespaceTerminating as error:
            # Kubernetes deletes a namespace's pods first, and its other objects only once those are gone: till then the work looks lost.
            _log.info("%s: %s", key, error)
            return TERMINATING_SECONDS
        except (ApiError, MoorageError) as error:
            self._metrics.failed(key.kind)
            _log.error("%s: %s", key, error)
            raise
        except Exception:
            self._metrics.failed(key.kind)
            _log.exception("%s: internal error", key)
            raise
        finally:
            self._metrics.reconciled(key.kind, time.monotonic() - start)
        self.last_success = time.monotonic()
        return again
