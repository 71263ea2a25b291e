"""What Ray Serve is told of a revision: serveConfigV2, in JSON, which is YAML, and which is fifty times faster to write.

`args` never change within a revision, for Ray Serve restarts every replica when they do, and a replica's pod has no room for a second
one beside it. Sizes and access are overrides of the deployment's options, which Ray Serve changes in place.
"""

from __future__ import annotations

import json
import posixpath
from typing import Any

from moorage_api.errors import InvalidInput, Problem
from moorage_api.model_service import Access, ModelService, Replicas
from moorage_api.service_config import ServiceConfig, ServiceUpdate
from moorage_api.usage import Subject
from moorage_operator import names
from moorage_operator.model_service.revisions import Served
from moorage_operator.settings import OperatorSettings

IMPORT_PATH = "moorage_serving.app:build"
DEPLOYMENT = "Model"
"""The name that moorage_serving.app gives its one deployment."""
PORT = 8000
ACCESS_POLICY = f"{names.RUNTIME_FOLDER}/access-policy.json"
OUTBOX = f"{names.RUNTIME_FOLDER}/outbox"
SPILL = f"{names.VOLUME_PATH}/spill"
NOBODY = Access(tenants=["nobody-yet"])
"""Until the replica is told by `user_config`, which is before it answers anything."""


def autoscaled(replicas: Replicas) -> bool:
    """Whether the number of replicas follows the load."""
    return replicas.max is not None and replicas.max > replicas.min


def route_prefix(service: ModelService) -> str:
    """Where it answers below the ingress."""
    return f"/{service.metadata.namespace}/{service.metadata.name}"


def artifact_path(uri: str, where: str) -> str:
    """The artifact's folder as the pods see it. Raises InvalidInput for one that is not on the namespace's volume."""
    path = posixpath.normpath(uri.removeprefix("file://"))
    if "://" in path or not path.startswith(f"{names.VOLUME_PATH}/"):
        remedy = f"copy it to the namespace's volume, which pods see at {names.VOLUME_PATH}"
        raise InvalidInput(Problem("no artifact that serving pods can read", where, "spec.model.uri", uri, remedy))
    return path


def service_config(service: ModelService, served: Served, settings: OperatorSettings) -> ServiceConfig:
    """What the replicas of a revision are told; no sizes in it, and no access. Raises InvalidInput."""
    meta = service.metadata
    return ServiceConfig(
        subject=Subject(kind="ModelService", namespace=meta.namespace or "default", name=meta.name, uid=meta.uid or ""),
        tenant=served.tenant,
        route_prefix=route_prefix(service),
        artifact=artifact_path(served.model.uri, service.ref),
        digest=served.model.digest,
        # The sizes stand in the overrides; this says only whether there is an autoscaling configuration to override.
        replicas=Replicas(min=1, max=2) if served.autoscaled else Replicas(),
        batching=served.batching,
        resources=served.resources,
        access=NOBODY,
        access_policy=ACCESS_POLICY,
        policy_required=True,
        outbox=OUTBOX,
        ledger=settings.ledger.url,
    )


def serve_config(service: ModelService, served: Served, settings: OperatorSettings, starting: int | None = None) -> str:
    """The text; equal for equal wishes. starting: with how many replicas an autoscaled deployment begins. Raises InvalidInput."""
    application = {
        "name": service.metadata.name,
        "import_path": IMPORT_PATH,
        "route_prefix": route_prefix(service),
        "args": service_config(service, served, settings).to_wire(),
        "deployments": [{"name": DEPLOYMENT, **_overrides(service, served, starting)}],
    }
    config = {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": PORT},  # noqa: S104 (the pod's; the NetworkPolicy says who reaches it)
        "applications": [application],
    }
    return json.dumps(config, indent=1)


def _overrides(service: ModelService, served: Served, starting: int | None) -> dict[str, Any]:
    """The deployment's options that change in place."""
    replicas = service.spec.replicas
    sizes: dict[str, Any] = {"num_replicas": replicas.min}
    if served.autoscaled:
        sizes = {
            "autoscaling_config": {
                "min_replicas": replicas.min,
                "max_replicas": max(replicas.min, replicas.max or replicas.min),
                "target_ongoing_requests": replicas.target_ongoing_requests,
                **({"initial_replicas": starting} if starting is not None else {}),
            }
        }
    return {
        **sizes,
        "max_ongoing_requests": replicas.max_ongoing_requests,
        # A pod of a broken size of cores (0.5) is a Ray node of a whole one, in which two replicas would find room.
        "max_replicas_per_node": 1,
        "user_config": ServiceUpdate(access=Access(tenants=sorted(service.spec.access.tenants))).to_wire(),
    }
