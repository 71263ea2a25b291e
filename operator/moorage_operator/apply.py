"""Doing what a Plan says: the only place where decisions become writes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from moorage_api.clock import timestamp, utc_now
from moorage_api.errors import Refused
from moorage_billing.remote import RemoteLedger
from moorage_operator import plan as plans
from moorage_operator.cache import Body, Cache
from moorage_operator.kube.client import Kube
from moorage_operator.kube.errors import Conflict, KindUnknown, NamespaceTerminating, NotFound
from moorage_operator.kube.kinds import is_watched
from moorage_operator.names import FIELD_MANAGER
from moorage_operator.plan import Manifest, ObjectRef, Plan

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Applier:
    """Applies plans, one action after the other; an action that fails leaves the rest undone, for the next look to decide anew."""

    def __init__(self, kube: Kube, ledger: RemoteLedger, cache: Cache, gone: Callable[[Body], None]) -> None:
        """gone: told of a body whose object turned out not to be there any more, for which no event may ever come."""
        self._kube, self._ledger, self._cache, self._gone = kube, ledger, cache, gone

    async def apply(self, plan: Plan) -> None:
        """Raises ApiError or MoorageError of the first action that failed."""
        for action in plan.actions:
            await self._do(action)

    async def _do(self, action: plans.Action) -> None:
        match action:
            case plans.Apply(manifests):
                await _all([self._apply(manifest, action) for manifest in manifests])
            case plans.Patch():
                await self._patch(action)
            case plans.SetStatus(ref, status):
                await self._on_object(ref, self._kube.apply_status(ref, status))
            case plans.SetFinalizers():
                await self._set_finalizers(action)
            case plans.Delete():
                await self._delete(action)
            case plans.Record():
                await self._record(action, utc_now())
            case plans.Reserve():
                await self._reserve(action)
            case plans.Settle(holder, executed):
                await in_thread(lambda: self._settle(holder, executed))
            case plans.PutEvents(events):
                await in_thread(lambda: self._ledger.append_or_set_aside(events))

    async def _apply(self, manifest: Manifest, how: plans.Apply) -> None:
        try:
            if how.existing_stays:
                await self._create(manifest)
            elif how.likely_absent:
                self._remember(await self._created_or_applied(manifest))
            else:
                self._remember(await self._kube.apply(manifest))
        except KindUnknown:
            if not how.optional:
                raise
        except Conflict:
            if not how.existing_stays:
                raise

    async def _create(self, manifest: Manifest) -> None:
        if self._cache.get(manifest["kind"], manifest["metadata"].get("namespace"), manifest["metadata"]["name"]) is None:
            self._remember(await self._kube.create(manifest))

    def _remember(self, stored: Manifest) -> None:
        """Into the cache what the watches tell of: nothing would ever take anything else out of it again."""
        if is_watched(stored):
            self._cache.put(stored)

    async def _created_or_applied(self, manifest: Manifest) -> Manifest:
        try:
            return await self._kube.create(manifest)
        except Conflict:
            return await self._kube.apply(manifest)

    async def _patch(self, action: plans.Patch) -> None:
        await self._on_object(action.ref, self._kube.json_patch(action.ref, action.uid, action.operations))

    async def _set_finalizers(self, action: plans.SetFinalizers) -> None:
        await self._on_object(action.ref, self._kube.set_finalizers(action.ref, action.finalizers, action.resource_version))

    async def _delete(self, action: plans.Delete) -> None:
        try:
            await self._kube.delete(action.ref, action.uid, action.propagation)
        except NotFound:
            self._forget(action.ref)
        except Conflict:
            _log.info("%s is another object by now; it is left alone", action.ref)
            await self._refresh(action.ref)

    async def _on_object(self, ref: ObjectRef, write: Awaitable[Manifest]) -> None:
        """Await a write to an object that is there, and bring the cache up to what it answers. Raises Conflict, the object read anew.

        What the watches missed is healed here, at the moment where it matters: an object that is gone, or has changed, unseen.
        """
        try:
            stored = await write
        except NotFound:
            self._forget(ref)
            return
        except Conflict:
            await self._refresh(ref)
            raise
        self._remember(stored)
        metadata = stored["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self._forget(ref)

    async def _refresh(self, ref: ObjectRef) -> None:
        try:
            self._remember(await self._kube.get(ref))
        except NotFound:
            self._forget(ref)

    def _forget(self, ref: ObjectRef) -> None:
        known = self._cache.get(ref.kind, ref.namespace, ref.name)
        if known is not None:
            self._gone(known)

    async def _record(self, action: plans.Record, now: datetime) -> None:
        try:
            await self._kube.create(event_of(action, now))
        except (Conflict, NotFound, NamespaceTerminating):
            return  # told before this operator was killed, or the namespace is going
        except Exception as error:  # an Event is for people; for want of one no work stands still
            _log.warning("cannot record an event: %s", error)

    async def _reserve(self, action: plans.Reserve) -> None:
        answer = await in_thread(
            lambda: self._ledger.reserve(action.uri, action.label, action.budget, action.holder, action.job_ref, action.mechanism)
        )
        if answer.granted:
            self._cache.refusals.pop(action.holder, None)
        else:
            self._cache.refusals[action.holder] = answer.message

    def _settle(self, holder: str, executed: Any) -> None:
        try:
            if executed is None:
                self._ledger.charge_whole(holder)
            elif executed.steps == 0:
                self._ledger.release(holder)
            else:
                self._ledger.commit(holder, executed)
        except Refused as refusal:
            # Settled before, or never held: what the ledger has stands, and nothing here could change it.
            _log.warning("the privacy ledger keeps what it has of %s: %s", holder, refusal)


def event_of(action: plans.Record, now: datetime) -> Manifest:
    """A core/v1 Event. Its name follows from what it says, so that an operator that was killed in between does not say it twice."""
    ref, moment = action.ref, timestamp(now)
    digest = hashlib.sha256(f"{action.uid}|{action.type}|{action.reason}|{action.message}".encode()).hexdigest()[:16]
    namespace = ref.namespace or "default"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{ref.name}.{digest}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "name": ref.name,
            "uid": action.uid,
            **({"namespace": ref.namespace} if ref.namespace else {}),
        },
        "type": action.type,
        "reason": action.reason,
        "message": action.message[:1024],
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": moment[:19] + "Z",
        "lastTimestamp": moment[:19] + "Z",
        "count": 1,
    }


async def in_thread(call: Callable[[], T]) -> T:
    """The ledger's client blocks; the loop does not."""
    return await asyncio.to_thread(call)


async def _all(calls: list[Any]) -> None:
    """Wait for every one, then raise the first failure: none is left running when the next look begins."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
