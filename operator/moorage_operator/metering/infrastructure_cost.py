"""What usage costs the platform: the hours of a pool's GPUs, or of its cores where it has none. Pure; a view, never a bill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moorage_api.usage import MICRO, UsageEvent
from moorage_billing.money import nano_of
from moorage_operator.settings import NodePool

HOUR_SECONDS = 3600


@dataclass(frozen=True)
class InfrastructureCost:
    """An increment. nano: in 10^-9 of the currency of the pools' hourly prices, rounded down per event."""

    tenant: str
    node_pool: str
    nano: int


def infrastructure_costs(
    events: Iterable[UsageEvent], pool_of: Mapping[str, str], pools: Mapping[str, NodePool]
) -> list[InfrastructureCost]:
    """The cost of events of pods, by tenant and pool, in order. `pool_of`: a pod's pool by the events' source.

    A pool without a price, or that the settings do not know, costs nothing.
    """
    total: Counter[tuple[str, str]] = Counter()
    for event in events:
        name = pool_of.get(event.source, "")
        pool = pools.get(name)
        if pool is None or pool.hourly_price is None:
            continue
        unit = "GpuSeconds" if pool.gpu_resource_name else "CpuSeconds"
        micro_seconds = sum(amount for meter, amount in event.quantities.items() if meter.endswith(unit))
        total[event.tenant, name] += micro_seconds * nano_of(pool.hourly_price) // (HOUR_SECONDS * MICRO)
    return [InfrastructureCost(tenant, name, nano) for (tenant, name), nano in sorted(total.items()) if nano]
