"""Who pays for an object."""

from __future__ import annotations

from collections.abc import Sequence

from moorage_api.errors import InvalidInput, Problem
from moorage_api.model_service import ModelService
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob


def tenant_of(resource: TrainingJob | ModelService, tenants: Sequence[Tenant], where: str | None = None) -> str:
    """`spec.tenant`, else the one tenant that lists the namespace. Raises InvalidInput if there is none, or more than one."""
    place = where or resource.ref
    named, namespace = resource.spec.tenant, resource.metadata.namespace or "default"
    if named is not None:
        if all(t.metadata.name != named for t in tenants):
            raise InvalidInput(Problem("no such Tenant", place, "spec.tenant", named, _known(tenants)))
        return named
    owners = sorted(t.metadata.name for t in tenants if namespace in t.spec.namespaces)
    if len(owners) == 1:
        return owners[0]
    if not owners:
        raise InvalidInput(
            Problem(
                f"no Tenant lists namespace {namespace}",
                place,
                "spec.tenant",
                remedy=f"name one, or add the namespace to one; {_known(tenants)}",
            )
        )
    raise InvalidInput(
        Problem(
            f"namespace {namespace} belongs to several tenants: {', '.join(owners)}", place, "spec.tenant", remedy="name the one that pays"
        )
    )


def _known(tenants: Sequence[Tenant]) -> str:
    names = sorted(t.metadata.name for t in tenants)
    return f"known tenants: {', '.join(names)}" if names else "there is no Tenant yet: add one to the manifest"
