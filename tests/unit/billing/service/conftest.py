"""What the tests of the ledger's service start from."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.billing.service.running import Program, Service, start_service

from moorage_api.manifest import parse_resource
from moorage_api.usage import Subject, UsageEvent


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """On an empty SQLite ledger."""
    yield from start_service(f"sqlite:///{tmp_path}/ledger.db", tmp_path)


@pytest.fixture
def any_service(ledger_url: str, tmp_path: Path) -> Iterator[Service]:
    """On an empty ledger of each kind."""
    yield from start_service(ledger_url, tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    made = Program(tmp_path, port)
    yield made
    if made.process is not None:
        made.end(signal.SIGKILL)


@pytest.fixture
def make_event() -> Callable[..., UsageEvent]:
    def make(number: int, **change: Any) -> UsageEvent:
        subject = Subject(kind="ModelService", namespace="team", name="digits", uid="u1")
        values: dict[str, Any] = {"source": "box", "tenant": "acme", "time": "2026-11-22T08:30:00Z", "code": 200, **change}
        return UsageEvent(**{"id": f"{number:06d}", "subject": subject, "quantities": {"Requests": 10**6}, **values})

    return make


@pytest.fixture
def make_resource() -> Callable[..., Any]:
    def make(kind: str, name: str, **spec: Any) -> Any:
        return parse_resource({"apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}, "test")

    return make


@pytest.fixture
def catalogue(make_resource: Callable[..., Any]) -> tuple[list[Any], list[Any]]:
    """Two tenants on two plans in two currencies."""
    tiers = [{"upTo": 3, "unitPrice": "0.5"}, {"unitPrice": "0.1"}]
    meters = [{"meter": "Requests", "mode": "Graduated", "included": 2, "tiers": tiers}]
    limit = {"requestsPerSecond": 5.0, "burst": 9}
    tenants = [make_resource("Tenant", "acme", plan="pro", rateLimit=limit), make_resource("Tenant", "beta", plan="yen")]
    plans = [
        make_resource("PricePlan", "pro", currency="EUR", meters=meters, subscription={"fee": "49.00"}),
        make_resource("PricePlan", "yen", currency="JPY", meters=[{"meter": "Requests", "tiers": [{"unitPrice": "20"}]}]),
    ]
    return tenants, plans
