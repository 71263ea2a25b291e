"""`--ledger URL`: the verbs against a ledger's service say the same as against a home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.billing.service.running import Service, start_service

from moorage_api.dataset import PrivacyBudget
from moorage_api.privacy import PrivacyMechanism
from moorage_api.tenant import Tenant
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.ledger import Ledger
from moorage_billing.privacy_ledger import DatasetKey, PrivacyLedger
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import Home, open_home
from moorage_cli.main import execute

MANIFESTS = """
apiVersion: moorage.dev/v1alpha1
kind: PricePlan
metadata: {name: paid}
spec: {currency: USD, subscription: {fee: "10"}, meters: [{meter: Requests, tiers: [{unitPrice: "0.25"}]}]}
---
apiVersion: moorage.dev/v1alpha1
kind: Tenant
metadata: {name: acme}
spec: {plan: paid, namespaces: [default]}
---
apiVersion: moorage.dev/v1alpha1
kind: Tenant
metadata: {name: beta}
spec: {plan: paid}
---
apiVersion: moorage.dev/v1alpha1
kind: Dataset
metadata: {name: digits}
spec: {uri: "sklearn://digits", format: Bundled, privacyBudget: {epsilon: 2.0, delta: 1.0e-5}}
"""
SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Home:
    """A home in which two tenants pay, one called, and one job spent privacy."""
    monkeypatch.setenv("MOORAGE_HOME", str(tmp_path / "home"))
    manifest = tmp_path / "manifests.yaml"
    manifest.write_text(MANIFESTS)
    assert execute(["run", "-f", str(manifest), "--once"]) == 0, capsys.readouterr()
    home = open_home(tmp_path / "home")
    ledger, privacy = Ledger(home.ledger_url), PrivacyLedger(home.ledger_url)
    quantities: Any = {"Requests": 10**6}
    facts: dict[str, Any] = {"tenant": "acme", "subject": SERVICE, "time": "2026-11-22T08:30:00Z", "code": 200, "quantities": quantities}
    ledger.append([UsageEvent(source="box", id=str(n), **facts) for n in range(7)])
    mechanism = PrivacyMechanism(sampling_rate=0.02, noise_multiplier=1.1, steps=100)
    dataset, budget = DatasetKey.of("sklearn://digits"), PrivacyBudget(epsilon=2.0, delta=1e-5)
    privacy.reserve(dataset, budget, "uid/1", "TrainingJob default/digits", mechanism)
    ledger.close()
    privacy.close()
    return home


@pytest.fixture
def service(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The same ledger behind the service, and a command line that is set to use it as an administrator."""
    from moorage_api.price_plan import PricePlan

    for started in start_service(home.ledger_url, tmp_path):
        store = ObjectStore(home)
        started.client().put_catalogue(store.all(Tenant), store.all(PricePlan))
        monkeypatch.setenv("MOORAGE_LEDGER_TOKEN", "admin-token")
        yield started


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert execute(arguments) == code
    return capsys.readouterr().out


@pytest.mark.parametrize("format_", ["table", "json", "focus"])
def test_a_bill_is_the_same_bytes(service: Service, capsys: pytest.CaptureFixture[str], format_: str) -> None:
    verb = ["bill", "--period", "2026-11", "--format", format_]
    at_home = said(capsys, *verb)
    assert "acme" in at_home
    assert said(capsys, *verb, "--ledger", service.url) == at_home
    assert said(capsys, *verb, "--tenant", "acme", "--ledger", service.url) == said(capsys, *verb, "--tenant", "acme")
    table = service.ask("GET", f"/v1/invoices/acme?period=2026-11&format={format_}", "admin").text
    assert table == said(capsys, *verb, "--tenant", "acme").replace("\r\n", "\n" if format_ != "focus" else "\r\n")


def test_a_budget_says_the_same_under_the_uri(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home = said(capsys, "budget")
    monkeypatch.setenv("MOORAGE_LEDGER", service.url)
    assert said(capsys, "budget") == at_home.replace("Dataset default/digits (sklearn://digits)", "sklearn://digits")
    (there,) = json.loads(said(capsys, "budget", "sklearn://digits", "--output", "json"))
    monkeypatch.delenv("MOORAGE_LEDGER")
    (here,) = json.loads(said(capsys, "budget", "--output", "json"))
    assert (here["dataset"], here["namespace"]) == ("digits", "default")
    assert there == {**here, "dataset": None, "namespace": None}
    assert here["jobs"][0]["run"] == "uid/1"


def test_keys_are_made_listed_and_revoked_there(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOORAGE_LEDGER", service.url)
    made = json.loads(said(capsys, "keys", "create", "acme", "--expires", "30d", "--output", "json"))
    assert made["expiresAt"] == "2026-12-22T12:00:00.000000Z"
    key = said(capsys, "keys", "create", "acme").strip()
    assert execute(["keys", "create", "acme"]) == 1
    assert "it has 2 active keys" in capsys.readouterr().err
    assert said(capsys, "keys", "revoke", key) == f"{key[:12]} of tenant acme is revoked\n"
    listed = json.loads(said(capsys, "keys", "list", "--output", "json"))
    assert [(k["prefix"], k["tenant"], k["state"]) for k in listed] == [(made["prefix"], "acme", "active"), (key[:12], "acme", "revoked")]
    monkeypatch.delenv("MOORAGE_LEDGER")
    assert said(capsys, "keys", "list") == "no keys\n", "the home has none of these"


@pytest.mark.parametrize("verb", [["keys", "list"], ["keys", "create", "acme"], ["keys", "revoke", "mrg_12345678"], ["bill"], ["budget"]])
def test_what_goes_wrong_is_one_line(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verb: list[str]
) -> None:
    def complaint(url: str, code: int) -> str:
        capsys.readouterr()
        assert execute([*verb, "--ledger", url]) == code
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("error: ")
        assert told.err.count("\n") == 1
        return told.err

    assert "cannot be reached" in complaint("http://127.0.0.1:1", 1)
    assert "not a URL of a ledger's service (got ledger:8080); write http://HOST:PORT" in complaint("ledger:8080", 2)
    monkeypatch.setenv("MOORAGE_LEDGER_TOKEN", "expired")
    assert "the token is unknown, expired or not made for the audience moorage-ledger" in complaint(service.url, 1)
    monkeypatch.setenv("MOORAGE_LEDGER_TOKEN", "pod-token")
    assert "is no administrator of this ledger" in complaint(service.url, 1)
    monkeypatch.delenv("MOORAGE_LEDGER_TOKEN")
    assert "no token" in complaint(service.url, 1)
    monkeypatch.setenv("MOORAGE_LEDGER_TOKEN_FILE", str(tmp_path / "nowhere"))
    assert "the ledger's token cannot be read" in complaint(service.url, 1)
