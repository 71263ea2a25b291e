"""What stands around a run that is under way, applied again: somebody may have deleted or changed it, and none of it is watched. Pure."""

from __future__ import annotations

from moorage_api.errors import InvalidInput
from moorage_operator.plan import Plan
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.children import surroundings
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.ray_job import ENDED


def keep_up_training_job(seen: ObservedTrainingJob, settings: OperatorSettings) -> Plan:
    """Nothing of what the run was told or has said is touched."""
    ray_job = seen.ray_job
    if seen.deleting or ray_job is None or ray_job.deleting or ray_job.deployment in ENDED or not seen.is_present(ray_job):
        return Plan()
    try:
        return Plan(surroundings(seen, settings))
    except InvalidInput:
        # The platform's settings changed under a job that runs: it goes on as it was started.
        return Plan()
