"""The end of a run's privacy account: charged for what was executed; for the whole where nobody knows."""

from __future__ import annotations

from moorage_api.privacy import PrivacyMechanism
from moorage_operator import names
from moorage_operator.plan import SetFinalizers, Settle
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.report import is_final
from moorage_operator.training_job.run_identity import holder_of
from moorage_operator.training_job.status import most_spent


def is_unsettled(seen: ObservedTrainingJob) -> bool:
    """Whether the privacy ledger still holds the plan of the run in status."""
    return seen.holding is not None and seen.holding.state == "Reserved"


def settlement_of(seen: ObservedTrainingJob) -> Settle:
    """The charge for a run that will not go on and that holds something."""
    return Settle(holder_of(seen.job), executed_by(seen))


def executed_by(seen: ObservedTrainingJob) -> PrivacyMechanism | None:
    """What the run executed, if its last attempt said its last; None: nobody knows."""
    if not is_final(seen.report) or seen.report is None or seen.holding is None:
        return None
    spend = most_spent(seen.report.privacy, seen.status.privacy)
    if spend is not None and spend.mechanism is not None:
        return spend.mechanism
    # It ended before it counted anything. That is nothing executed only if no earlier attempt or stretch can have executed steps.
    is_first = seen.status.attempts == 0 and seen.status.active_seconds == 0
    return seen.holding.mechanism.model_copy(update={"steps": 0}) if is_first else None


def with_finalizer(seen: ObservedTrainingJob) -> SetFinalizers:
    """Keep the object until its privacy is settled."""
    return SetFinalizers(seen.ref, (*seen.finalizers, names.PRIVACY_FINALIZER), seen.resource_version)


def without_finalizer(seen: ObservedTrainingJob) -> SetFinalizers:
    """Let the object go."""
    left = tuple(name for name in seen.finalizers if name != names.PRIVACY_FINALIZER)
    return SetFinalizers(seen.ref, left, seen.resource_version)
