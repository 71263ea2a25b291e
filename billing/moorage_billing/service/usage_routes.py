"""Usage events in; tenants, plans and access policies in and out."""

from __future__ import annotations

import time

from starlette.responses import Response

from moorage_api.ledger_api import Catalogue, CatalogueReceipt, EventBatch, EventReceipt
from moorage_billing.ledger import Receipt
from moorage_billing.service.authorisation import forbidden_event
from moorage_billing.service.exchange import Exchange, Rejected, answer, parsed


async def post_events(exchange: Exchange) -> Response:
    """Take a batch; the answer leaves once it is durable."""
    room, body = exchange.room, await exchange.body()

    def take() -> Receipt:
        batch = parsed(EventBatch, body, "events")
        if reason := forbidden_event(exchange.caller, batch.events, time.time_ns() // 1000):
            raise Rejected(403, reason)
        if batch.on_conflict == "Refuse":
            return Receipt(room.usage.append(batch.events), 0)
        return room.usage.take(batch.events)

    receipt = await room.on_database.run(take)
    room.metrics.appended.inc(receipt.accepted)
    room.metrics.set_aside.inc(receipt.set_aside)
    return answer(EventReceipt(accepted=receipt.accepted, set_aside=receipt.set_aside))


async def get_access_policy(exchange: Exchange) -> Response:
    """Who may call and how fast; 304 while that is what the caller has."""
    tenants = exchange.request.query_params.getlist("tenant") or None
    if tenants is None and not exchange.caller.sees_everything:
        raise Rejected(403, "name the tenants that you serve: /v1/access-policy?tenant=NAME&tenant=…; only administrators see all")
    room = exchange.room
    body, etag = await room.on_database.run(lambda: room.access_policy(tenants))
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    given = {tag.strip().removeprefix("W/") for tag in exchange.request.headers.get("if-none-match", "").split(",")}
    if etag in given:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")


async def put_catalogue(exchange: Exchange) -> Response:
    """Replace what is known of tenants and plans."""
    room, body = exchange.room, await exchange.body()
    revision, changed = await room.on_database.run(lambda: room.catalogue.put(parsed(Catalogue, body, "catalogue")))
    return answer(CatalogueReceipt(revision=revision, changed=changed))


async def get_catalogue(exchange: Exchange) -> Response:
    """What is known of tenants and plans."""
    return answer((await exchange.room.on_database.run(exchange.room.catalogue.current)).catalogue)
