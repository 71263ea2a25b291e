"""The pod has to go: ship what its outboxes hold, or keep it on the volume for the agents of other pods."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from moorage_api.errors import MoorageError
from moorage_billing.shipper import backlog, drain
from moorage_serving.cluster.spill import spill

PAUSE_SECONDS = 0.5
_log = logging.getLogger("moorage.agent")


def ship_or_spill(outboxes: Path, ledger_url: str, target: Path, patience_seconds: float) -> None:
    """Return once no event is only in the folder `outboxes`: shipped, or after `patience_seconds` in files in `target`.

    If neither works it goes on trying both: ending would lose the events, and whoever loses patience kills the process.
    """
    shipped = threading.Event()
    # A thread, for a ledger that takes connections and answers nothing would hold this one up beyond the pod's end.
    threading.Thread(target=_ship, args=(outboxes, ledger_url, shipped), name="last shipment", daemon=True).start()
    shipped.wait(patience_seconds)
    while not shipped.is_set():
        try:
            kept = spill(outboxes, target)
        except (MoorageError, OSError) as error:
            _log.error("usage events can neither be shipped nor kept in %s, trying again: %s", target, error)
            shipped.wait(PAUSE_SECONDS)
            continue
        if kept:
            _log.warning("the ledger was out: %d outboxes are kept in %s for the agents of other pods", kept, target)
        return


def _ship(outboxes: Path, ledger_url: str, shipped: threading.Event) -> None:
    while True:
        try:
            drain(outboxes, ledger_url)
            if backlog(outboxes).events == 0:
                shipped.set()
                return
        except MoorageError as error:
            _log.warning("the last usage events cannot be shipped, trying again: %s", error)
        time.sleep(PAUSE_SECONDS)
