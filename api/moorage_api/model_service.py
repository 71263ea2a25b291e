"""ModelService: an artifact served to tenants over the Open Inference Protocol v2."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import AnyMapping, ApiModel, Count, Digest, MemoryQuantity, Name, Rule, Text, Uri
from moorage_api.gates import Gate
from moorage_api.meta import Resource, Status, workload_name_rules
from moorage_api.unique import UniqueItems


class ServedModel(ApiModel):
    """Which artifact is served."""

    rules = (
        Rule(
            ".trainingJob",
            "has(self.trainingJob) != has(self.uri)",
            lambda m: (m.training_job is None) != (m.uri is None),
            "give exactly one of trainingJob and uri",
        ),
        Rule(
            ".digest",
            "has(self.uri) == has(self.digest)",
            lambda m: (m.uri is None) == (m.digest is None),
            "digest goes with uri: what is served is pinned",
        ),
    )

    training_job: Name | None = None
    """A TrainingJob of the same namespace; its model is taken once it passed its gates."""
    uri: Uri | None = None
    """An artifact's folder."""
    digest: Digest | None = None
    """The digest that the artifact must have."""


class Replicas(ApiModel):
    """How many copies answer."""

    rules = (
        Rule(
            ".max",
            "!has(self.max) || self.min <= self.max",
            lambda r: r.max is None or r.min <= r.max,
            "max must not be below min",
        ),
    )

    min: Annotated[int, Field(ge=1, le=1000)] = 1
    """The fewest replicas."""
    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The most replicas; default: min, no autoscaling."""
    target_ongoing_requests: Annotated[float, Field(gt=0, le=10000)] = 16.0
    """Requests in work per replica that autoscaling aims at."""
    max_ongoing_requests: Annotated[int, Field(ge=1, le=10000)] = 128
    """Requests in work per replica beyond which callers wait."""


class Batching(ApiModel):
    """Requests that are run through the model together."""

    max_rows: Annotated[int, Field(ge=1, le=65536)] = 64
    """The most rows of one batch."""
    wait_milliseconds: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """How long the first request of a batch waits for others; 0 batches what is already there."""


class ServiceResources(ApiModel):
    """What each replica holds, and pays for."""

    cpus_per_replica: Annotated[float, Field(gt=0, le=256)] = 1.0
    """Cores of each replica."""
    gpus_per_replica: Annotated[int, Field(ge=0, le=16)] = 0
    """GPUs of each replica."""
    memory_per_replica: MemoryQuantity | None = None
    """Memory of each replica."""
    node_pool: Name = "default"
    """A pool of nodes by the platform team's name for it; the local engine has `default` only."""


class Access(ApiModel):
    """Who may call."""

    tenants: Annotated[list[Name], Field(min_length=1, max_length=1000), UniqueItems()]
    """Tenants whose API keys are let in."""


class Metering(ApiModel):
    """What becomes of a request that cannot be metered."""

    rules = (Rule.only("durability", "Durable"),)

    durability: Literal["Durable", "BestEffort"] = "Durable"
    """Durable: the usage event is on disk before the response leaves; a request that cannot be metered answers 503."""


class Rollout(ApiModel):
    """How a new model replaces the old one."""

    rules = (Rule.only("strategy", "BlueGreen"), Rule.not_yet("gates"))

    strategy: Literal["BlueGreen", "Canary"] = "BlueGreen"
    """BlueGreen: the new revision takes all traffic once it is healthy. Canary: a growing share of it, while `gates` hold."""
    gates: Annotated[list[Gate], Field(max_length=32)] | None = None
    """What a Canary's traffic must be worth before it takes more."""


class ModelServiceSpec(ApiModel):
    """What is served, to whom, and with what."""

    rules = (Rule.not_yet("explanation"),)

    tenant: Name | None = None
    """Who pays for the replicas' time. Default: the tenant of the namespace. Requests are paid by the caller's tenant."""
    model: ServedModel
    """Which artifact is served."""
    replicas: Replicas = Replicas()
    """How many copies answer."""
    batching: Batching = Batching()
    """Requests that are run together."""
    resources: ServiceResources = ServiceResources()
    """What each replica holds."""
    access: Access
    """Who may call."""
    metering: Metering = Metering()
    """How requests are metered."""
    explanation: AnyMapping | None = None
    """Attributions by request."""
    rollout: Rollout = Rollout()
    """How a new model replaces the old one."""


class ModelServiceStatus(Status):
    """What Moorage reports."""

    url: Text | None = None
    """Where the service answers."""
    revision: Count = 0
    """Counts the models and specs that were rolled out."""
    model_digest: Digest | None = None
    """The artifact that answers."""
    replicas: Count = 0
    """Replicas that are running."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """The label selector of the replicas' pods, for the scale subresource."""


class ModelService(Resource):
    """An artifact served to tenants over the Open Inference Protocol v2."""

    rules = workload_name_rules("ModelService", "RayService")

    kind: Literal["ModelService"] = "ModelService"
    """The kind."""
    spec: ModelServiceSpec
    """What the user asks for."""
    status: ModelServiceStatus | None = None
    """What Moorage reports. Conditions: Ready; on a cluster also Progressing."""
