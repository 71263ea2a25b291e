"""What stands around a RayService, applied again: somebody may have deleted or changed it, and none of it is watched. Pure."""

from __future__ import annotations

from moorage_operator import names
from moorage_operator.model_service.children import needs, pod_monitor
from moorage_operator.model_service.observe import ObservedModelService
from moorage_operator.plan import Apply, Plan
from moorage_operator.settings import OperatorSettings


def keep_up_model_service(seen: ObservedModelService, settings: OperatorSettings) -> Plan:
    """For the tenant that the RayService was made for."""
    labels = (seen.ray_service or {}).get("metadata", {}).get("labels") or {}
    if seen.deleting or names.TENANT not in labels:
        return Plan()
    tenant = labels[names.TENANT]
    monitors = (Apply((pod_monitor(seen.service, tenant, settings),), optional=True),) if settings.pod_monitors else ()
    return Plan((Apply(needs(seen.service, tenant, settings)), *monitors))
