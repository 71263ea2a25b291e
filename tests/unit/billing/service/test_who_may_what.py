"""Every route: who gets in, who does not, and what the others are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moorage_billing.instant import micros_of
from moorage_billing.service.application import ROUTES
from moorage_billing.service.authorisation import Right, caller_of, forbidden_event, refusal

OPERATOR = "system:serviceaccount:moorage:moorage-operator"
ALLOWED = {
    Right.NONE: {"operator", "admin", "pod", "stranger"},
    Right.OPERATE: {"operator"},
    Right.ADMINISTER: {"operator", "admin"},
    Right.METER: {"operator", "pod"},
    Right.FOLLOW: {"operator", "admin", "pod"},
}
TABLE = {
    "POST /v1/events": Right.METER,
    "GET /v1/access-policy": Right.FOLLOW,
    "PUT /v1/catalogue": Right.OPERATE,
    "POST /v1/privacy/reservations": Right.OPERATE,
    "POST /v1/privacy/holdings/{holder:path}/commit": Right.OPERATE,
    "POST /v1/privacy/holdings/{holder:path}/charge-whole": Right.OPERATE,
    "POST /v1/privacy/holdings/{holder:path}/release": Right.OPERATE,
    "GET /healthz": Right.NONE,
    "GET /readyz": Right.NONE,
    "GET /metrics": Right.NONE,
}


def test_the_table_of_rights_is_this() -> None:
    assert {f"{method} {path}": right for method, path, right, _ in ROUTES if right is not Right.ADMINISTER} == TABLE
    assert len(ROUTES) == len({(method, path) for method, path, _, _ in ROUTES}) == 21


NOBODY = ({}, {"Authorization": "Bearer nobodys"}, {"Authorization": "Basic b3BlcmF0b3I6"}, {"Authorization": "Bearer " + "x" * 20_000})


def test_only_who_may_gets_in(service: Any) -> None:
    for method, path, right, _ in ROUTES:
        address = path.replace("{holder:path}", "u/run").replace("{tenant}", "acme").replace("{prefix}", "mrg_12345678")
        for role in ("operator", "admin", "pod", "stranger"):
            answer = service.ask(method, address, role)
            names_no_tenant = path == "/v1/access-policy" and "name the tenants" in answer.text
            refused = answer.status_code in (401, 403) and not names_no_tenant
            assert refused == (role not in ALLOWED[right]), (method, path, role, answer.text)
            assert not refused or (answer.status_code == 403 and set(answer.json()) == {"error"})
        for headers in NOBODY:
            answer = service.ask(method, address, None, headers=headers)
            assert answer.status_code == (200 if right is Right.NONE else 401), (method, path, headers)
            if right is not Right.NONE:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert set(answer.json()) == {"error"}


def test_who_is_who() -> None:
    assert caller_of(OPERATOR, OPERATOR, ["alice"]).is_operator
    assert caller_of("alice", OPERATOR, ["alice"]).is_administrator
    assert caller_of("system:serviceaccount:team:x.y", OPERATOR, []).namespace == "team"
    for name in ("mallory", "system:serviceaccount:team", "xsystem:serviceaccount:team:a", "system:serviceaccount:a:b:c", "system:node:n"):
        assert caller_of(name, OPERATOR, []).namespace is None
        assert refusal(caller_of(name, OPERATOR, []), Right.FOLLOW)
    both = caller_of("system:serviceaccount:team:boss", OPERATOR, ["system:serviceaccount:team:boss"])
    assert refusal(both, Right.METER), "administrators report nothing"
    assert refusal(both, Right.ADMINISTER) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"subject": {"kind": "ModelService", "namespace": "other", "name": "d", "uid": "u"}}, "ModelService other/d"),
        ({"subject": {"kind": "TrainingJob", "namespace": "team", "name": "d", "uid": "u"}}, "TrainingJob team/d"),
        ({"source": "Pod/1234"}, "sources with a slash are the operator's"),
        ({"quantities": {"Requests": -1}}, "a negative quantity is a correction"),
        ({"time": "2026-11-24T08:30:00Z"}, "more than a day ahead"),
    ],
)
def test_a_pod_reports_only_what_its_replicas_counted(service: Any, make_event: Any, change: dict[str, Any], reason: str) -> None:
    good = make_event(1).to_wire()
    bad = {**good, "id": "bad", **change}
    now_us = micros_of("2026-11-22T08:30:00Z")
    event = type(make_event(1)).from_wire(bad)
    told = forbidden_event(caller_of("system:serviceaccount:team:a", OPERATOR, []), [make_event(1), event], now_us)
    assert told is not None
    assert reason in told
    assert "'bad'" in told
    assert forbidden_event(caller_of(OPERATOR, OPERATOR, []), [event], now_us) is None
    if "time" in change:
        bad["time"] = "9998-01-01T00:00:00Z"
    answer = service.ask("POST", "/v1/events", "pod", json={"events": [good, bad]})
    assert answer.status_code == 403
    assert reason in answer.json()["error"]
    assert service.room.usage.count() == 0


def test_nobody_gets_in_while_nobody_can_say_who_it_is(service: Any, tmp_path: Path) -> None:
    (tmp_path / "tokens.yaml").unlink()
    for role in ("operator", "pod"):
        answer = service.ask("GET", "/v1/access-policy?tenant=acme", role)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"error": "it cannot be found out now whose the token is; try again"}
    metrics = service.ask("GET", "/metrics", None).text
    assert "moorage_ledger_authentication_errors_total 2.0" in metrics
    assert "moorage_ledger_database_errors_total 0.0" in metrics
