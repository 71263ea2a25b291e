"""What the condition Running says of a RayJob that is under way."""

from __future__ import annotations

from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.attempt import head_of
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.ray_job import SUSPENDED, UNDER_WAY, RayJob
from moorage_operator.training_job.render import is_held_by_kueue
from moorage_operator.training_job.report import newer_than
from moorage_operator.training_job.step import State

SUSPENDED_STATE: State = ("False", "Suspended", "runPolicy.suspend is true; set it to false to go on from the last checkpoint")


def running_state(seen: ObservedTrainingJob, ray_job: RayJob, settings: OperatorSettings) -> State:
    """True while the driver runs; else what it waits for."""
    head = head_of(seen, ray_job)
    if is_held_by_kueue(seen, settings) and (not ray_job.deployment or ray_job.deployment in SUSPENDED):
        return "False", "Queued", f"waits in queue {seen.job.spec.resources.queue}"
    if ray_job.deployment in SUSPENDED:
        return "False", "Resuming", "waits for KubeRay to set it going again"
    obstacle = next((p.obstacle for p in seen.pods if p.obstacle is not None and p.cluster == ray_job.cluster), None)
    started_at, report = head.started_at if head is not None else None, seen.report
    phase = report.phase if report is not None and newer_than(report, started_at) else "Starting"
    if ray_job.deployment in UNDER_WAY and started_at is not None:
        # The driver waits for a worker's pod that is made anew.
        return "True", phase, seen.report_problem or (obstacle[1] if obstacle is not None else "")
    if obstacle is not None:
        return "False", *obstacle
    if ray_job.cluster_failure:
        return "False", "PodsNotMade", f"KubeRay cannot make the pods: {ray_job.cluster_failure}"
    return "False", "Starting", "waits for its pods"
