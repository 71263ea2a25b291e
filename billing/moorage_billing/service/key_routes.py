"""API keys of tenants."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.responses import Response

from moorage_api.access_policy import ApiKey
from moorage_api.ledger_api import AllKeys, CreatedKey, KeyRequest, RevokedKey, TenantKeys
from moorage_billing.api_keys import NewKey, is_active, key_info
from moorage_billing.service.exchange import Exchange, answer, parsed


async def post_key(exchange: Exchange) -> Response:
    """Make a key; this answer is the only place where it is whole."""
    room, tenant, body = exchange.room, exchange.path("tenant"), await exchange.body()
    asked = parsed(KeyRequest, body or b"{}", "key")
    lifetime = None if asked.lifetime_seconds is None else timedelta(seconds=asked.lifetime_seconds)

    def create() -> NewKey:
        room.catalogue.current().tenant(tenant)
        return room.keys.create(tenant, room.now(), lifetime)

    made = await room.on_database.run(create)
    response = answer(CreatedKey(key=made.key, tenant=tenant, kept=made.kept), 201)
    response.headers["Cache-Control"] = "no-store"
    return response


async def get_tenant_keys(exchange: Exchange) -> Response:
    """A tenant's keys."""
    room, tenant = exchange.room, exchange.path("tenant")
    keys = await room.on_database.run(lambda: room.keys.keys(tenant))
    return answer(_of_tenant(tenant, keys.get(tenant, []), room.now()))


async def get_keys(exchange: Exchange) -> Response:
    """Everyone's keys, and how many are active."""
    room = exchange.room
    keys = await room.on_database.run(room.keys.keys)
    return answer(AllKeys(tenants=[_of_tenant(tenant, own, room.now()) for tenant, own in keys.items()]))


async def post_revocation(exchange: Exchange) -> Response:
    """End a key."""
    room, prefix = exchange.room, exchange.path("prefix")
    tenant, key = await room.on_database.run(lambda: room.keys.revoke(prefix, room.now()))
    return answer(RevokedKey(tenant=tenant, key=key_info(key, room.now())))


def _of_tenant(tenant: str, keys: list[ApiKey], now: datetime) -> TenantKeys:
    return TenantKeys(tenant=tenant, active=sum(is_active(key, now) for key in keys), keys=[key_info(key, now) for key in keys])
