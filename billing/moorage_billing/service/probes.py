"""Whether the service lives and can work, and what Prometheus reads. Nobody needs a token for these."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from moorage_billing.service.exchange import Exchange
from moorage_billing.service.metrics import CONTENT_TYPE


async def get_health(_exchange: Exchange) -> Response:
    """The process answers."""
    return JSONResponse({"status": "alive"})


async def get_readiness(exchange: Exchange) -> Response:
    """The database answers."""
    await exchange.room.on_database.run(exchange.room.is_ready)
    return JSONResponse({"status": "ready"})


async def get_metrics(exchange: Exchange) -> Response:
    """Prometheus' text format."""
    return Response(exchange.room.metrics.text(), media_type=CONTENT_TYPE)
