"""What stands around a run that is under way, applied again: somebody may have deleted or changed it, and none of it is watched. Pure."""

from __future__ import annotations

from moorage_operator.plan import Plan
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.children import surroundings
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.ray_job import ENDED


def keep_up_training_job(seen: ObservedTrainingJob, settings: OperatorSettings) -> Plan:
    """Its documents are not touched: what the run was told stays as it was told, though its data set or its progress has changed since."""
    ray_job = seen.ray_job
    if seen.deleting or ray_job is None or ray_job.deleting or ray_job.deployment in ENDED or not seen.is_present(ray_job):
        return Plan()
    return Plan(surroundings(seen, settings))
