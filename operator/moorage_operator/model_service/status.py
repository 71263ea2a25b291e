"""What a ModelService's status says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from moorage_api.conditions import Truth, with_condition
from moorage_api.model_choice import Choice
from moorage_api.model_service import ModelService, ModelServiceStatus
from moorage_operator import names
from moorage_operator.model_service.clusters import RayClusterSeen, RayServiceSeen
from moorage_operator.model_service.pod_trouble import trouble_of
from moorage_operator.model_service.revisions import Revision
from moorage_operator.model_service.rollout import Rollout
from moorage_operator.model_service.serve_config import PORT, route_prefix

TAKEN = ("Passed", "Pinned")
"""Choices of the model that was asked for."""


@dataclass(frozen=True)
class Verdict:
    """A condition without its bookkeeping."""

    truth: Truth
    reason: str
    message: str


def url_of(service: ModelService) -> str:
    """Where the service answers inside the cluster."""
    return f"http://{service.metadata.name}.{service.metadata.namespace}.svc:{PORT}{route_prefix(service)}"


def blocked_status(
    service: ModelService, seen: RayServiceSeen, revisions: Sequence[Revision], ready: Verdict, now: datetime
) -> ModelServiceStatus:
    """Of a service about which nothing is to be done: what serves goes on serving, and Ready says what is wrong."""
    return _status(service, seen, revisions, [("Ready", ready)], now)


def rolled_status(service: ModelService, seen: RayServiceSeen, rollout: Rollout, choice: Choice, now: datetime) -> ModelServiceStatus:
    """Of a service with a revision."""
    progressing = _progressing(seen, rollout)
    ready = _ready(service, seen, choice, progressing)
    return _status(service, seen, rollout.revisions, [("Ready", ready), ("Progressing", progressing)], now)


def _status(
    service: ModelService, seen: RayServiceSeen, revisions: Sequence[Revision], verdicts: Sequence[tuple[str, Verdict]], now: datetime
) -> ModelServiceStatus:
    generation = service.metadata.generation or 1
    conditions = list(service.status.conditions) if service.status else []
    for type_, verdict in verdicts:
        conditions = with_condition(conditions, type_, verdict.truth, verdict.reason, verdict.message, generation=generation, now=now)
    answering = next((one for one in revisions if one.number == seen.active_revision), None)
    newest = revisions[-1].number if revisions else 0
    return ModelServiceStatus(
        observed_generation=generation,
        conditions=conditions,
        url=url_of(service) if seen.active is not None else None,
        revision=answering.number if answering is not None else newest,
        model_digest=answering.served.model.digest if answering is not None and answering.served is not None else None,
        replicas=seen.active.ready_workers if seen.active is not None else 0,
        selector=f"{names.UID}={service.metadata.uid},{names.ROLE}=worker",
    )


def _ready(service: ModelService, seen: RayServiceSeen, choice: Choice, progressing: Verdict) -> Verdict:
    kept = choice.message if choice.reason not in TAKEN else ""
    if seen.active is not None and seen.answers:
        if progressing.reason == "RolloutFailed":
            return Verdict("True", "RolloutFailed", progressing.message)
        return Verdict("True", choice.reason, kept)
    if progressing.reason != "RolledOut":
        return Verdict("False", progressing.reason, progressing.message)
    wanted = service.spec.replicas.min
    trouble = trouble_of(seen.active.pods) if seen.active is not None else None
    if trouble is not None:
        return Verdict("False", trouble.reason, trouble.message)
    said = f": {seen.active.trouble}" if seen.active is not None and seen.active.trouble else ""
    ready = seen.active.ready_workers if seen.active is not None else 0
    return Verdict("False", "NoReplicaAnswers", f"{ready} of {wanted} replicas are ready{said}")


def _progressing(seen: RayServiceSeen, rollout: Rollout) -> Verdict:
    """How the rollout stands. Its reasons are Ready's too while nothing serves."""
    desired, target = rollout.desired, rollout.target
    if seen.refusal:
        return Verdict("False", "RayServiceRefused", f"KubeRay does not take the RayService: {seen.refusal}")
    if desired.marks.failed is not None and target is not desired:
        return Verdict(
            "False",
            "RolloutFailed",
            f"revision {desired.number} was given up for revision {target.number}: {desired.marks.failed}; "
            f"change model or spec, or remove the annotation {names.FAILED} of its ControllerRevision to try it again",
        )
    if rollout.settled and seen.pending is None:
        return Verdict("False", "RolledOut", f"revision {target.number} has the traffic")
    beside = f" beside revision {seen.active_revision}" if seen.active_revision is not None else ""
    cluster = _starting(seen, target.number)
    if cluster is not None and cluster.deploy_failed:
        reason = "RolloutFailed" if seen.active is None else "DeployFailed"
        said = cluster.trouble or "no reason given"
        return Verdict("True", reason, f"Ray Serve cannot deploy revision {target.number}{beside}: {said}")
    trouble = trouble_of(cluster.pods) if cluster is not None else None
    if trouble is not None:
        return Verdict("True", trouble.reason, f"revision {target.number} is starting{beside}, but {trouble.message}")
    said = f": {cluster.trouble}" if cluster is not None and cluster.trouble else ""
    if not seen.taken_up:
        said = "; KubeRay has not taken up the RayService: is its operator running?"
    return Verdict("True", "Deploying", f"revision {target.number} is starting{beside}{said}")


def _starting(seen: RayServiceSeen, target: int) -> RayClusterSeen | None:
    """The pending cluster, if it is the target's, or if nothing says yet whose it is."""
    pending = seen.pending
    return pending if pending is not None and pending.revision in (target, None) else None
