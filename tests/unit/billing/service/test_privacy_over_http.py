"""The privacy ledger over HTTP: the same answers as from the ledger itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from moorage_api.dataset import PrivacyBudget
from moorage_api.errors import InvalidInput, Refused
from moorage_api.privacy import PrivacyMechanism
from moorage_billing.composition import epsilon_of

URI, LABEL = "sklearn://digits", "Dataset team/digits"
BUDGET = PrivacyBudget(epsilon=2.0, delta=1e-5)


def steps(count: int) -> PrivacyMechanism:
    return PrivacyMechanism(sampling_rate=0.02, noise_multiplier=1.1, steps=count)


def reserve(client: Any, holder: str, count: int) -> Any:
    return client.reserve(URI, LABEL, BUDGET, holder, f"TrainingJob team/{holder}", steps(count))


def test_a_run_from_reservation_to_commit(any_service: Any) -> None:
    operator, admin = any_service.client(), any_service.client("admin")
    assert operator.holding("uid/run") is None
    granted = reserve(operator, "uid/run", 300)
    assert (granted.granted, granted.message, granted.mechanism) == (True, "", steps(300))
    assert reserve(operator, "uid/run", 300).granted, "again is the same"
    held = admin.holding("uid/run")
    assert (held.holder, held.state, held.mechanism, held.planned, held.overrun) == ("uid/run", "Reserved", steps(300), steps(300), False)
    refused = reserve(operator, "other/run", 3000)
    assert not refused.granted
    assert (
        "Dataset team/digits (sklearn://digits): spec.privacyBudget.epsilon: TrainingJob team/other/run asks for 3000 steps"
        in refused.message
    )
    account = admin.statement(URI, BUDGET)
    assert (account.spent, account.reserved) == (0.0, epsilon_of([steps(300)], 1e-5))
    assert operator.commit("uid/run", steps(100)).mechanism == steps(100)
    account = admin.statement(URI)
    assert account.spent == account.reserved == epsilon_of([steps(100)], 1e-5)
    assert account.remaining == 2.0 - account.reserved
    assert [(j.holder, j.job_ref, j.state) for j in account.jobs] == [("uid/run", "TrainingJob team/uid/run", "Committed")]
    assert admin.privacy_accounts() == [URI]
    overrun = operator.commit("uid/run", steps(400))
    assert overrun.overrun
    with pytest.raises(Refused, match="settled in the privacy ledger as Committed"):
        operator.commit("uid/run", steps(1))


def test_charging_whole_and_releasing(service: Any) -> None:
    operator = service.client()
    for holder in ("a/1", "b/1"):
        assert reserve(operator, holder, 50).granted
    assert operator.charge_whole("a/1").state == operator.charge_whole("a/1").state == "ChargedWhole"
    assert operator.release("b/1").state == "Released"
    assert operator.holding("b/1").mechanism.steps == 0
    with pytest.raises(Refused, match="cannot release"):
        operator.release("a/1")
    with pytest.raises(Refused, match="no reservation in the privacy ledger"):
        operator.charge_whole("nobody/1")


def test_holders_with_odd_names_are_kept_apart(service: Any) -> None:
    operator = service.client()
    holders = ["a/commit", "a b/ü?x=1#y", "a%2Fb", "a/b", "release"]
    for count, holder in enumerate(holders, 1):
        assert reserve(operator, holder, count).granted
    for count, holder in enumerate(holders, 1):
        assert operator.holding(holder).planned == steps(count), holder
    assert operator.commit("a/commit", steps(1)).holder == "a/commit"
    assert operator.holding("a") is None


def test_runs_that_ask_together_never_overspend(service: Any) -> None:
    client = service.client()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: reserve(client, f"{n}/run", 150), range(6)))
    assert sum(answer.granted for answer in answers) == 2
    assert client.statement(URI).reserved <= 2.0


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "/v1/privacy/statement: uri: the query parameter is missing"),
        ("?uri=x", "nothing was ever reserved on these records"),
        ("?uri=x&epsilon=1", "statement: delta: required field is missing"),
        ("?uri=x&epsilon=one&delta=0.1", "not a number"),
        ("?uri=x&epsilon=nan&delta=0.1", "statement: epsilon"),
        ("?uri=x&epsilon=-1&delta=0.1", "statement: epsilon"),
    ],
)
def test_a_bad_question_is_answered_by_name(service: Any, query: str, told: str) -> None:
    answer = service.ask("GET", f"/v1/privacy/statement{query}", "admin")
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_no_step_is_no_reservation(service: Any) -> None:
    with pytest.raises(InvalidInput, match="at least one step"):
        reserve(service.client(), "a/1", 0)
