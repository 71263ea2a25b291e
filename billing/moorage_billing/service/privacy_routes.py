"""The privacy ledger: reservations, how they are settled, accounts."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError
from starlette.responses import Response

from moorage_api.dataset import PrivacyBudget
from moorage_api.errors import InvalidInput, Problem, Refused
from moorage_api.ledger_api import PrivacyAccounts, PrivacyHolding, ReservationRequest, Settlement
from moorage_api.problems import problems_of
from moorage_api.run_config import Admission
from moorage_billing.privacy_holdings import DatasetKey, Holding
from moorage_billing.privacy_statement import statement_document
from moorage_billing.service.exchange import Exchange, Rejected, answer, parsed


async def post_reservation(exchange: Exchange) -> Response:
    """Hold a mechanism if it fits; a refusal is an answer like any other."""
    asked = parsed(ReservationRequest, await exchange.body(), "reservation")
    ledger, dataset = exchange.room.privacy, DatasetKey(asked.uri, asked.label)

    def reserve() -> Admission:
        try:
            ledger.reserve(dataset, asked.budget, asked.holder, asked.job_ref, asked.mechanism)
        except Refused as refusal:
            return Admission(granted=False, message=str(refusal), mechanism=asked.mechanism)
        return Admission(granted=True, mechanism=asked.mechanism)

    return answer(await exchange.room.on_privacy.run(reserve))


async def get_holding(exchange: Exchange) -> Response:
    """What a run holds; 404 if it never reserved anything."""
    holder = exchange.path("holder")
    holding = await exchange.room.on_database.run(lambda: exchange.room.privacy.holding(holder))
    if holding is None:
        raise Rejected(404, f"holder {holder}: never reserved anything in the privacy ledger")
    return answer(_holding(holding))


async def post_commit(exchange: Exchange) -> Response:
    """Charge what was run."""
    settlement = parsed(Settlement, await exchange.body(), "settlement")
    return await _settled(exchange, lambda holder: exchange.room.privacy.commit(holder, settlement.mechanism))


async def post_charge_whole(exchange: Exchange) -> Response:
    """Charge the whole plan."""
    return await _settled(exchange, exchange.room.privacy.charge_whole)


async def post_release(exchange: Exchange) -> Response:
    """Give everything back."""
    return await _settled(exchange, exchange.room.privacy.release)


async def get_statement(exchange: Exchange) -> Response:
    """An account; the budget may be left out for records whose Dataset is gone."""
    dataset, budget = DatasetKey(exchange.query("uri")), _budget(exchange)
    return answer(await exchange.room.on_privacy.run(lambda: statement_document(exchange.room.privacy.statement(dataset, budget))))


async def get_accounts(exchange: Exchange) -> Response:
    """All records that have an account."""
    datasets = await exchange.room.on_database.run(exchange.room.privacy.datasets)
    return answer(PrivacyAccounts(uris=[dataset.uri for dataset in datasets]))


async def _settled(exchange: Exchange, settle: Callable[[str], Holding]) -> Response:
    holder = exchange.path("holder")
    return answer(_holding(await exchange.room.on_database.run(lambda: settle(holder))))


def _budget(exchange: Exchange) -> PrivacyBudget | None:
    given = {name: exchange.request.query_params[name] for name in ("epsilon", "delta") if name in exchange.request.query_params}
    if not given:
        return None
    try:
        return PrivacyBudget.model_validate({name: float(value) for name, value in given.items()})
    except ValidationError as error:
        raise InvalidInput(*problems_of(error, "statement")) from None
    except ValueError:
        raise InvalidInput(Problem("not a number", "statement", "epsilon, delta", repr(given))) from None


def _holding(holding: Holding) -> PrivacyHolding:
    return PrivacyHolding(
        holder=holding.job_uid,
        job_ref=holding.job_ref,
        state=holding.state,
        mechanism=holding.mechanism,
        planned=holding.planned,
        overrun=holding.overrun,
    )
