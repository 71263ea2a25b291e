"""Looking at everything once: at the start, before any decision is made, and slowly ever after.

A watch that had to list anew does not say what went meanwhile; comparing a list with the cache does.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from moorage_operator.cache import Body, Cache
from moorage_operator.kube.client import Kube, ref_of
from moorage_operator.kube.errors import Forbidden, KindUnknown, NotFound
from moorage_operator.kube.kinds import WATCHED, Kind

_log = logging.getLogger(__name__)


async def resync(kube: Kube, cache: Cache, namespaces: Sequence[str]) -> list[Body]:
    """Bring the cache up to what the API server has; the bodies of what was gone. namespaces: none for all. Raises ApiError."""
    gone: list[Body] = []
    for kind in WATCHED:
        try:
            found = await _list(kube, kind, namespaces)
        except KindUnknown:
            _log.warning("the cluster does not know %s (%s); install its CRD", kind.kind, kind.api_version)
            continue
        before = {body["metadata"]["uid"]: body for body in cache.all(kind.kind)}
        for body in found:
            cache.put(body)
            before.pop(body["metadata"]["uid"], None)
        # What came into the cache while the list was under way is newer than the list, so it is asked for by name.
        gone += [body for body in before.values() if await _is_gone(kube, body)]
    for body in gone:
        cache.remove(body)
    return gone


async def visit_leaving(kube: Kube, cache: Cache, namespace: str) -> tuple[list[Body], list[Body]]:
    """Ask for each known object of a namespace that is being deleted: those that changed, and those that are gone. Raises ApiError.

    Kopf ends its watches of such a namespace. Where the operator's rights in it come from a Role there, they go before the objects
    with a finalizer do: what may not be read any more counts as gone.
    """
    changed: list[Body] = []
    gone: list[Body] = []
    for body in cache.within(namespace):
        try:
            stored = await kube.get(ref_of(body))
        except (NotFound, Forbidden):
            gone.append(body)
        else:
            if cache.put(stored):
                changed.append(stored)
    return changed, gone


async def _list(kube: Kube, kind: Kind, namespaces: Sequence[str]) -> list[Body]:
    if not namespaces or not kind.namespaced:
        return await kube.list_all(kind)
    found: list[Body] = []
    for namespace in namespaces:
        try:
            found += await kube.list_all(kind, namespace)
        except Forbidden as error:
            # Deleted, and its Role with it. One namespace that is not there is no reason to leave the others alone.
            _log.warning("%s: passed over in namespace %s, where the operator has no rights", error, namespace)
    return found


async def _is_gone(kube: Kube, body: Body) -> bool:
    try:
        stored = await kube.get(ref_of(body))
    except NotFound:
        return True
    except Forbidden:
        return False
    return bool(stored["metadata"]["uid"] != body["metadata"]["uid"])
