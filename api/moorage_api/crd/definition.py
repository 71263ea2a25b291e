"""The five CustomResourceDefinitions: names, scope, printer columns and subresources around each kind's schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moorage_api.base import GROUP, VERSION
from moorage_api.crd.structural_schema import Schema, structural_schema
from moorage_api.manifest import CLUSTER_SCOPED, KINDS

ROOT_FIELDS = ("apiVersion", "kind", "metadata")
"""What an API server describes and checks by itself."""


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; those of priority 1 are shown by `-o wide` only."""

    name: str
    type: str
    path: str
    priority: int = 0


@dataclass(frozen=True)
class Names:
    """How kubectl finds a kind, and what it prints of it."""

    plural: str
    short: tuple[str, ...]
    columns: tuple[Column, ...]


def _condition(type_: str, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{type_}")].{field}'


_AGE = Column("Age", "date", ".metadata.creationTimestamp")

NAMES: dict[str, Names] = {
    "Dataset": Names(
        "datasets",
        ("dset",),
        (
            Column("Format", "string", ".spec.format"),
            Column("Budget", "number", ".spec.privacyBudget.epsilon"),
            Column("Spent", "number", ".status.spent.epsilon"),
            Column("Reserved", "number", ".status.reserved.epsilon"),
            Column("Remaining", "number", ".status.remainingEpsilon"),
            Column("Jobs", "integer", ".status.reserved.jobs", 1),
            Column("Uri", "string", ".spec.uri", 1),
            _AGE,
        ),
    ),
    "ModelService": Names(
        "modelservices",
        ("msvc",),
        (
            Column("Ready", "string", _condition("Ready")),
            Column("Model", "string", ".spec.model.trainingJob"),
            Column("Replicas", "integer", ".status.replicas"),
            Column("Revision", "integer", ".status.revision"),
            Column("Url", "string", ".status.url"),
            Column("Reason", "string", _condition("Ready", "reason"), 1),
            Column("Digest", "string", ".status.modelDigest", 1),
            _AGE,
        ),
    ),
    "PricePlan": Names(
        "priceplans",
        ("plan",),
        (
            Column("Currency", "string", ".spec.currency"),
            Column("Fee", "string", ".spec.subscription.fee"),
            Column("Period", "string", ".spec.subscription.period"),
            Column("Free", "boolean", ".spec.free"),
            Column("Tenants", "integer", ".status.tenants"),
            _AGE,
        ),
    ),
    "Tenant": Names(
        "tenants",
        ("tnt",),
        (
            Column("Plan", "string", ".spec.plan"),
            Column("Keys", "integer", ".status.activeKeys"),
            Column("Rate", "number", ".spec.rateLimit.requestsPerSecond"),
            _AGE,
        ),
    ),
    "TrainingJob": Names(
        "trainingjobs",
        ("tj",),
        (
            Column("Task", "string", ".spec.task.type"),
            Column("Percent", "number", ".status.progress.percent"),
            Column("ETA", "number", ".status.progress.etaSeconds"),
            Column("Epsilon", "number", ".status.privacy.epsilonSpent"),
            Column("Succeeded", "string", _condition("Succeeded")),
            Column("Gates", "string", _condition("GatesPassed")),
            Column("Cost", "string", ".status.cost"),
            Column("Accuracy", "number", ".status.metrics.accuracy", 1),
            Column("Reason", "string", _condition("Succeeded", "reason"), 1),
            Column("Model", "string", ".status.model.uri", 1),
            _AGE,
        ),
    ),
}
SCALE = {
    "ModelService": {
        "specReplicasPath": ".spec.replicas.min",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
}


def resource_schema(kind: str) -> Schema:
    """The structural schema of a kind. Raises SchemaRefused."""
    raw = KINDS[kind].model_json_schema(by_alias=True)
    definitions, properties = raw["$defs"], raw["properties"]
    name = definitions["ObjectMeta"]["properties"]["name"]
    # An API server lets a schema bound metadata's name and say nothing else about metadata, not even a description.
    metadata = {"type": "object", "properties": {"name": name}}
    return structural_schema(
        {
            "$defs": definitions,
            "type": "object",
            "description": raw["description"],
            "required": ["metadata", "spec"],
            "properties": {
                "apiVersion": {"type": "string", "maxLength": 64, "description": properties["apiVersion"]["description"]},
                "kind": {"type": "string", "maxLength": 64, "description": f"Always `{kind}`."},
                "metadata": metadata,
                **{field: schema for field, schema in properties.items() if field not in ROOT_FIELDS},
            },
            **{key: raw[key] for key in ("x-kubernetes-validations",) if key in raw},
        }
    )


def custom_resource_definition(kind: str) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, as `kubectl apply --server-side` takes it."""
    names = NAMES[kind]
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in names.columns],
        "subresources": {"status": {}, **({"scale": SCALE[kind]} if kind in SCALE else {})},
        "schema": {"openAPIV3Schema": resource_schema(kind)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Cluster" if kind in CLUSTER_SCOPED else "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": names.plural,
                "singular": kind.lower(),
                "shortNames": list(names.short),
                "categories": ["moorage"],
            },
            "versions": [version],
        },
    }


def _column(column: Column) -> dict[str, Any]:
    shown = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**shown, "priority": column.priority} if column.priority else shown
