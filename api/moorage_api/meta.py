"""What Kubernetes puts around every resource: metadata, conditions, and the common part of a status."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from moorage_api.base import ApiModel, Count, Name, Rule, Timestamp
from moorage_api.unique import UniqueItems

LabelKey = Annotated[
    str,
    StringConstraints(
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    ),
]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]


class ObjectMeta(ApiModel):
    """The part of Kubernetes' ObjectMeta that Moorage reads; the API server owns the rest."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)

    name: Name
    """The object's name, unique in its namespace."""
    namespace: Name | None = None
    """The namespace; `default` where a namespaced object names none."""
    uid: str | None = None
    """Set by the API server (or the local engine) when the object is created."""
    generation: int | None = None
    """Counts the changes of spec."""
    creation_timestamp: Timestamp | None = None
    """When the object was created."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels that the user chose; they never reach a selector."""
    annotations: dict[LabelKey, str] = {}
    """Annotations that the user chose."""


MAX_WORKLOAD_NAME = 47
"""KubeRay derives the names of pods and services from a RayJob's or RayService's, which must still fit into 63."""


def workload_name_rules(kind: str, child: str) -> tuple[Rule, Rule]:
    """A `kind` gives its name to a KubeRay `child`, which is a DNS-1035 label: shorter than others, and it begins with a letter."""
    return (
        Rule(
            ".metadata.name",
            f"size(self.metadata.name) <= {MAX_WORKLOAD_NAME}",
            lambda resource: len(resource.metadata.name) <= MAX_WORKLOAD_NAME,
            f"a {kind}'s name has at most {MAX_WORKLOAD_NAME} characters, for its {child} has the same name; shorten it",
        ),
        Rule(
            ".metadata.name",
            "self.metadata.name.matches('^[a-z]')",
            lambda resource: resource.metadata.name[:1].isalpha(),
            f"a {kind}'s name begins with a letter, for its {child} has the same name; put one in front",
        ),
    )


class Condition(ApiModel):
    """One aspect of an object's state, by Kubernetes' API conventions."""

    type: Annotated[str, StringConstraints(max_length=316, pattern=r"^[A-Za-z]+$")]
    """What the condition is about, e.g. `Succeeded`."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, StringConstraints(max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """A CamelCase word for programs."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """A sentence for people."""
    last_transition_time: Timestamp
    """When `status` last changed."""
    observed_generation: Count = 0
    """The generation that this condition was decided on."""


class Status(ApiModel):
    """What every status carries."""

    observed_generation: Count = 0
    """The generation of spec that the status answers to."""
    conditions: Annotated[list[Condition], Field(max_length=16), UniqueItems("type")] = []
    """Conditions, one a type."""


class Resource(ApiModel):
    """What all five kinds share; each kind adds `kind`, `spec` and `status`."""

    api_version: Literal["moorage.dev/v1alpha1"] = "moorage.dev/v1alpha1"
    """The group and version."""
    metadata: ObjectMeta
    """Name, namespace, labels."""

    @property
    def ref(self) -> str:
        """How messages name the object: `TrainingJob default/digits`."""
        where = f"{self.metadata.namespace}/" if self.metadata.namespace else ""
        kind: Any = getattr(self, "kind", type(self).__name__)
        return f"{kind} {where}{self.metadata.name}"
