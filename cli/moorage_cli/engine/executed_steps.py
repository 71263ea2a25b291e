"""How many private steps a run executed, from the run's own durable journal."""

from __future__ import annotations

from pathlib import Path

from moorage_api.errors import MoorageError
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_report import RunReport
from moorage_training.privacy.journal import read_journal


def executed_mechanism(folder: Path, report: RunReport | None) -> PrivacyMechanism | None:
    """What the run in `folder` executed: the more of what its journal and its report say; None if neither says anything.

    A journal that was never begun beside a report means that no private step was taken: zero steps of the plan.
    """
    reported = report.privacy.mechanism if report is not None and report.privacy is not None else None
    try:
        journal = read_journal(folder)
    except MoorageError:
        return None
    if journal.header is not None:
        steps = max(journal.executed, reported.steps if reported else 0)
        return journal.header.mechanism.model_copy(update={"steps": steps})
    if reported is not None:
        return reported
    planned = report.plan.mechanism if report is not None and report.plan is not None else None
    return planned.model_copy(update={"steps": 0}) if planned is not None else None
