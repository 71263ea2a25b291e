"""Which nodes a workload's pods go to, by the platform team's name for them."""

from __future__ import annotations

from moorage_api.errors import InvalidInput, Problem
from moorage_operator.settings import NodePool, OperatorSettings

FIELD = "spec.resources.nodePool"


def pool_of(settings: OperatorSettings, name: str, gpus: int, where: str) -> NodePool:
    """The pool that a resource (`where`, for the message) names. Raises InvalidInput if there is none, or GPUs are asked of one without."""
    pool = settings.node_pools.get(name)
    if pool is None:
        raise InvalidInput(Problem("no such node pool", where, FIELD, name, f"known: {', '.join(sorted(settings.node_pools))}"))
    if gpus > 0 and pool.gpu_resource_name is None:
        with_gpus = sorted(n for n, p in settings.node_pools.items() if p.gpu_resource_name is not None)
        remedy = f"pools with GPUs: {', '.join(with_gpus)}" if with_gpus else "no pool has any: ask for none"
        raise InvalidInput(Problem(f"the node pool has no GPUs, and {gpus} are asked for", where, FIELD, name, remedy))
    return pool
