"""Costs so far, and invoices."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from moorage_api.clock import timestamp
from moorage_api.errors import InvalidInput, Problem
from moorage_api.ledger_api import TenantCosts
from moorage_billing.invoice import Invoice
from moorage_billing.invoice_table import table_text
from moorage_billing.month_use import month_use
from moorage_billing.period import Period
from moorage_billing.render import focus_csv, to_json
from moorage_billing.service.exchange import Exchange, answer

_KINDS = ("TrainingJob", "ModelService")
_FORMATS: dict[str, tuple[str, Callable[[Invoice], bytes]]] = {
    "table": ("text/plain; charset=utf-8", lambda invoice: table_text(invoice).encode()),
    "json": ("application/json", to_json),
    "focus": ("text/csv; charset=utf-8", focus_csv),
}


async def get_cost(exchange: Exchange) -> Response:
    """What an object has cost so far."""
    room, kind, uid = exchange.room, exchange.query("kind"), exchange.query("uid")
    if kind not in _KINDS:
        raise InvalidInput(Problem("nothing of this kind costs money", "costs", "kind", kind, f"one of {', '.join(_KINDS)}"))
    return answer(await room.on_prices.run(lambda: room.costs.object_cost(kind, uid, room.catalogue.current())))


async def get_tenant_costs(exchange: Exchange) -> Response:
    """What every tenant owes for the current month so far."""
    room = exchange.room
    period = Period.containing(timestamp(room.now()))
    return answer(TenantCosts(costs=await room.on_prices.run(lambda: room.costs.tenant_costs(period, room.catalogue.current()))))


async def get_invoice(exchange: Exchange) -> Response:
    """A tenant's invoice for a month, as `moorage bill` prints it into a pipe."""
    room, name = exchange.room, exchange.path("tenant")
    given = exchange.request.query_params
    period = Period.parse(given["period"]) if "period" in given else Period.containing(timestamp(room.now()))
    format_ = given.get("format", "table")
    if format_ not in _FORMATS:
        raise InvalidInput(Problem("not a format of invoices", "invoices", "format", format_, f"one of {', '.join(_FORMATS)}"))
    media_type, render = _FORMATS[format_]

    def make() -> Invoice:
        known = room.catalogue.current()
        tenant = known.tenant(name)
        with room.database.read() as connection:
            use = month_use(connection, name, period)
        return use.invoice(known.plan_of(tenant), tenant, period)

    return Response(await room.on_prices.run(lambda: render(make())), media_type=media_type)
