"""Waiting for the privacy ledger's answer to the plan."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import ValidationError

from moorage_api.errors import InvalidInput, Problem, Refused
from moorage_api.run_config import Admission

ADMISSION = "admission.json"
POLL_SECONDS = 0.1
SETTLE_SECONDS = 2.0


def forget_refusal(folder: Path) -> None:
    """Remove an earlier start's refusal, which is no answer to this start's question."""
    admission = _read(folder)
    if admission is not None and not admission.granted:
        (folder / ADMISSION).unlink(missing_ok=True)


def wait_for_admission(folder: Path) -> None:
    """Returns once granted; raises Refused with the ledger's message, InvalidInput if the answer stays unreadable."""
    unreadable_since: float | None = None
    while True:
        admission = _read(folder)
        if admission is not None:
            if admission.granted:
                return
            raise Refused(Problem(admission.message or "the privacy ledger refused the plan"))
        if (folder / ADMISSION).exists():
            # Perhaps it is being written this moment.
            unreadable_since = unreadable_since or time.monotonic()
            if time.monotonic() - unreadable_since > SETTLE_SECONDS:
                raise InvalidInput(Problem("is not an Admission", str(folder / ADMISSION), remedy="write it again"))
        time.sleep(POLL_SECONDS)


def _read(folder: Path) -> Admission | None:
    try:
        return Admission.model_validate_json((folder / ADMISSION).read_bytes())
    except (OSError, ValidationError):
        return None
