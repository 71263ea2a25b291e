"""Waiting for the privacy ledger's answer to the plan.

An answer may say which attempt's plan it is to, and to which mechanism. One that is to something else is no answer: it stays
unread until whoever owns the ledger replaces it.
"""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import ValidationError

from moorage_api.errors import InvalidInput, Problem, Refused
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_config import Admission

ADMISSION = "admission.json"
POLL_SECONDS = 0.1
SETTLE_SECONDS = 2.0


def forget_refusal(folder: Path, attempt: int) -> None:
    """Remove an earlier start's refusal, which is no answer to this start's question; not one that came early, to `attempt`."""
    admission = _read(folder)
    if admission is not None and not admission.granted and admission.attempt != attempt:
        (folder / ADMISSION).unlink(missing_ok=True)


def answers(admission: Admission, attempt: int, mechanism: PrivacyMechanism | None) -> bool:
    """Whether it is an answer to this attempt's plan; pure."""
    return admission.attempt in (None, attempt) and (admission.mechanism is None or admission.mechanism == mechanism)


def wait_for_admission(folder: Path, attempt: int, mechanism: PrivacyMechanism | None) -> None:
    """Returns once granted; raises Refused with the ledger's message, InvalidInput if the answer stays unreadable."""
    unreadable_since: float | None = None
    while True:
        admission = _read(folder)
        if admission is not None:
            unreadable_since = None
            if answers(admission, attempt, mechanism):
                if admission.granted:
                    return
                raise Refused(Problem(admission.message or "the privacy ledger refused the plan"))
        elif (folder / ADMISSION).exists():
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
