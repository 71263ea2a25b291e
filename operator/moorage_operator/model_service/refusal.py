"""Why a ModelService's wishes cannot be followed as they are."""

from __future__ import annotations

from moorage_api.errors import InvalidInput, Problem
from moorage_api.model_choice import Choice
from moorage_api.tenancy import tenant_of
from moorage_api.training_job import ModelReference
from moorage_operator.model_service.observe import ObservedModelService
from moorage_operator.model_service.serve_config import artifact_path
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.node_pools import pool_of


class Refusal(Exception):
    """reason and message of the Ready condition that says why nothing new is rolled out."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def check(seen: ObservedModelService, choice: Choice, settings: OperatorSettings) -> tuple[str, ModelReference]:
    """Who pays, and the model to serve. Raises Refusal."""
    service = seen.service
    try:
        tenant = tenant_of(service, seen.tenants)
        _check_access(seen)
    except InvalidInput as error:
        raise Refusal("UnknownTenant", str(error)) from None
    resources = service.spec.resources
    try:
        pool_of(settings, resources.node_pool, resources.gpus_per_replica, service.ref)
    except InvalidInput as error:
        raise Refusal("UnknownNodePool", str(error)) from None
    if choice.uri is None or choice.digest is None:
        raise Refusal(choice.reason, choice.message)
    try:
        artifact_path(choice.uri, service.ref)
    except InvalidInput as error:
        raise Refusal("ArtifactRefused", str(error)) from None
    return tenant, ModelReference(uri=choice.uri, digest=choice.digest)


def _check_access(seen: ObservedModelService) -> None:
    known = sorted(tenant.metadata.name for tenant in seen.tenants)
    missing = sorted(set(seen.service.spec.access.tenants) - set(known))
    if missing:
        remedy = f"known tenants: {', '.join(known)}" if known else "there is no Tenant yet: make one"
        raise InvalidInput(Problem("no such Tenant", seen.service.ref, "spec.access.tenants", ", ".join(missing), remedy))
