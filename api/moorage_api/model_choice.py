"""Which model a ModelService gets, from its TrainingJob and from what it served before. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from moorage_api.base import ApiModel, Digest, Text
from moorage_api.conditions import condition, holds
from moorage_api.model_service import ModelService
from moorage_api.training_job import TrainingJob


class Deployed(ApiModel):
    """The model that a service was last given; kept beside its outbox."""

    uri: Text
    """The artifact's folder."""
    digest: Digest
    """The artifact's digest."""
    revision: int
    """Counts the models and specs that were rolled out."""
    generation: int
    """The service's generation that was rolled out."""


@dataclass(frozen=True)
class Choice:
    """The answer: which model is served (None: nothing), why not the one asked for, and whether waiting may change it."""

    uri: str | None
    digest: str | None
    reason: str
    message: str
    final: bool


def choose_model(service: ModelService, job: TrainingJob | None, deployed: Deployed | None) -> Choice:
    """The pinned artifact; else the job's model once its gates passed; else the earlier good one, with the reason."""
    model = service.spec.model
    if model.uri is not None:
        return Choice(model.uri, model.digest, "Pinned", "the artifact that the spec names", True)
    if job is None:
        return _earlier(deployed, "NoTrainingJob", f"there is no TrainingJob {model.training_job}", final=True)
    generation = job.metadata.generation or 1
    succeeded = holds(job.status, "Succeeded", generation)
    if succeeded is None:
        suspended = condition(job.status, "Running")
        final = suspended is not None and suspended.reason == "Suspended"
        return _earlier(deployed, "WaitingForModel", f"{job.ref} has not ended", final=final)
    if not succeeded or job.status is None or job.status.model is None:
        why = condition(job.status, "Succeeded")
        return _earlier(deployed, "TrainingFailed", f"{job.ref} failed: {why.message if why else 'no model'}", final=True)
    if holds(job.status, "GatesPassed", generation) is False:
        failed = "; ".join(g.sentence for g in job.status.gates if not g.passed)
        return _earlier(deployed, "GatesFailed", f"the model of {job.ref} is refused: {failed}", final=True)
    return Choice(job.status.model.uri, job.status.model.digest, "Passed", "the model passed its gates", True)


def _earlier(deployed: Deployed | None, reason: str, message: str, *, final: bool) -> Choice:
    if deployed is None:
        return Choice(None, None, reason, message, final)
    return Choice(deployed.uri, deployed.digest, reason, f"{message}; the earlier model {deployed.digest[:19]} stays", final)


def rollout(deployed: Deployed | None, choice: Choice, generation: int) -> Deployed | None:
    """What the service has once `choice` is rolled out; the revision counts up when model or spec changed."""
    if choice.uri is None or choice.digest is None:
        return deployed
    if deployed is not None and (deployed.digest, deployed.generation) == (choice.digest, generation):
        return deployed if deployed.uri == choice.uri else deployed.model_copy(update={"uri": choice.uri})
    revision = (deployed.revision if deployed else 0) + 1
    return Deployed(uri=choice.uri, digest=choice.digest, revision=revision, generation=generation)
