"""Events, catalogue and access policy over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from moorage_api.errors import InvalidInput, Refused, Unavailable
from moorage_api.ledger_api import MAX_BODY_BYTES, Catalogue
from moorage_billing.shipper import drain


def test_an_event_is_taken_once_and_a_conflict_set_aside(any_service: Any, make_event: Any) -> None:
    pod = any_service.client("pod")
    assert pod.append_or_set_aside([make_event(1), make_event(2)]) == 2
    answer = any_service.ask("POST", "/v1/events", "pod", json={"events": [e.to_wire() for e in (make_event(2, code=500), make_event(3))]})
    assert answer.json() == {"accepted": 1, "setAside": 1}
    with pytest.raises(Refused, match="source box, id 000001: the ledger holds another event"):
        any_service.client().append([make_event(4), make_event(1, code=201)])
    assert [e.id for e in any_service.room.usage.events()] == ["000001", "000002", "000003"]
    assert any_service.room.usage.conflicts() == [make_event(2, code=500)]
    metrics = any_service.ask("GET", "/metrics", None).text
    assert "moorage_ledger_events_appended_total 3.0" in metrics
    assert "moorage_ledger_events_set_aside_total 1.0" in metrics
    assert 'moorage_ledger_requests_total{code="200",method="POST",route="/v1/events"} 2.0' in metrics


def test_many_events_are_sent_in_batches(service: Any, make_event: Any) -> None:
    pod = service.client("pod")
    assert pod.append_or_set_aside(make_event(n) for n in range(5_001)) == 5_001
    assert pod.append(make_event(n) for n in range(5_001)) == 0
    assert pod.append([]) == 0


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"{", 400, "events"),
        (b'{"events": [{}]}', 400, "events: events[0].source: required field is missing"),
        (b'{"events": [], "extra": 1}', 400, "events: extra: unknown field (got 1); check the spelling, or remove it"),
        (b'{"events": [' + b",".join([b"{}"] * 5001) + b"]}", 400, "at most 5000"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "the most is 16777216; send fewer events at once"),
        (b'\xff\xfe{"events": []}', 400, "events"),
    ],
)
def test_a_bad_body_is_refused_by_name(service: Any, body: bytes, code: int, told: str) -> None:
    answer = service.ask("POST", "/v1/events", content=body)
    assert answer.status_code == code
    assert told in answer.json()["error"]


def test_a_body_without_a_length_is_bounded_too(service: Any) -> None:
    chunks = (b" " * 2**20 for _ in range(40))
    answer = service.ask("POST", "/v1/events", content=chunks)
    assert answer.status_code == 413


def test_an_event_that_no_ledger_takes_is_invalid(service: Any, make_event: Any) -> None:
    with pytest.raises(InvalidInput, match="tenant: not a text for a ledger"):
        service.client().append_or_set_aside([make_event(1, tenant="a\0")])
    with pytest.raises(InvalidInput, match="not a timestamp"):
        service.client().append_or_set_aside([make_event(1, time="2026-13-01T00:00:00Z")])


def test_what_is_on_no_route_is_json_too(service: Any) -> None:
    for method, path, code in (("GET", "/v1/nothing", 404), ("DELETE", "/v1/events", 405), ("POST", "/", 404)):
        answer = service.ask(method, path)
        assert answer.status_code == code
        assert path in answer.json()["error"]
    assert 'method="other",route="other"' in service.ask("GET", "/metrics", None).text


def test_the_catalogue_survives_the_service_and_changes_only_where_it_differs(any_service: Any, catalogue: Any) -> None:
    operator = any_service.client()
    tenants, plans = catalogue
    assert operator.catalogue() == Catalogue()
    assert operator.put_catalogue(tenants, plans).changed
    busy = [t.model_copy(update={"metadata": t.metadata.model_copy(update={"labels": {"a": "b"}, "generation": 7})}) for t in tenants]
    assert operator.put_catalogue(busy[::-1], plans) == operator.put_catalogue(tenants, plans)
    assert operator.put_catalogue(tenants, plans[:1]).revision == 2
    assert [t.metadata.name for t in any_service.client("admin").catalogue().tenants] == ["acme", "beta"]
    with pytest.raises(InvalidInput, match="acme is given twice"):
        any_service.client()._calls.put("/v1/catalogue", Catalogue.model_construct(tenants=[tenants[0]] * 2, plans=[]), Catalogue)


def test_the_access_policy_follows_keys_and_limits_by_etag(any_service: Any, catalogue: Any, make_resource: Any) -> None:
    operator, admin, pod = (any_service.client(role) for role in ("operator", "admin", "pod"))
    operator.put_catalogue(*catalogue)
    policy, etag = pod.access_policy(["acme", "nobody"])
    assert [(t.name, t.keys, t.rate_limit.burst) for t in policy.tenants] == [("acme", [], 9)]
    assert pod.access_policy(["acme", "nobody"], etag) is None
    made = admin.create_key("acme", 3600)
    policy, second = pod.access_policy(["acme"], etag)
    assert policy.tenants[0].keys == [made.kept]
    assert pod.access_policy(["acme"], second) is None
    admin.create_key("beta")
    assert pod.access_policy(["acme"], second) is None, "another tenant's key changes nothing here"
    operator.put_catalogue([make_resource("Tenant", "acme", plan="pro", rateLimit={"requestsPerSecond": 1.0})], catalogue[1])
    policy, third = pod.access_policy(["acme", "beta"], second)
    assert [(t.name, t.rate_limit.requests_per_second) for t in policy.tenants] == [("acme", 1.0)], "beta left, and its key with it"
    admin.revoke_key(made.key)
    policy, _ = pod.access_policy(["acme"], third)
    assert policy.tenants[0].keys[0].revoked_at == "2026-11-22T12:00:00.000000Z"
    any_service.now[0] += timedelta(days=2)
    assert pod.access_policy(["acme"])[0].tenants[0].keys == [], "long dead"
    assert [t.name for t in admin.access_policy()[0].tenants] == ["acme"]
    with pytest.raises(Refused, match="name the tenants that you serve"):
        pod.access_policy()


def test_an_outbox_is_shipped_to_the_service(service: Any, make_event: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from moorage_billing.outbox import Outbox

    async def fill() -> None:
        outbox = Outbox.open(tmp_path / "outbox", "replica")
        await asyncio.gather(*(outbox.record(make_event(n, source=outbox.source)) for n in range(20)))
        outbox.close()

    asyncio.run(fill())
    monkeypatch.setenv("MOORAGE_LEDGER_TOKEN", "nobodys")
    with pytest.raises(Refused, match="the token is unknown, expired or not made for the audience moorage-ledger"):
        drain(tmp_path / "outbox", service.url)
    (tmp_path / "token").write_text("pod-token\n")
    monkeypatch.setenv("MOORAGE_LEDGER_TOKEN_FILE", str(tmp_path / "token"))
    assert drain(tmp_path / "outbox", service.url) == 20
    assert service.room.usage.count() == 20
    assert not list((tmp_path / "outbox").glob("*.outbox"))


def test_a_database_that_cannot_be_used_is_503_and_not_ready(service: Any, make_event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    service.room.database.close()
    monkeypatch.setattr("sqlite3.dbapi2.connect", lambda *_, **__: (_ for _ in ()).throw(sqlite3.OperationalError("disk I/O error")))
    with pytest.raises(Unavailable, match="disk I/O error"):
        service.client().append([make_event(1)])
    answer = service.ask("GET", "/readyz", None)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert service.ask("GET", "/healthz", None).status_code == 200
    assert "moorage_ledger_database_errors_total 2.0" in service.ask("GET", "/metrics", None).text
    monkeypatch.undo()
    assert service.client().append([make_event(1)]) == 1
