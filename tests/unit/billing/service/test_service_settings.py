"""The service's settings: what is wrong in them is told by field, and never a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage_api.errors import MoorageError
from moorage_billing.service.__main__ import main
from moorage_billing.service.settings import read_settings

GOOD = "ledger: sqlite:////var/lib/moorage/ledger.db\noperator: system:serviceaccount:moorage:moorage-operator\n"


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    file = tmp_path / "ledger.yaml"
    file.write_text(GOOD)
    settings = read_settings(file)
    assert (settings.host, settings.port, settings.audience, settings.authentication) == ("0.0.0.0", 8080, "moorage-ledger", "TokenReview")
    assert settings.ledger_url() == "sqlite:////var/lib/moorage/ledger.db"
    (tmp_path / "dsn").write_text("postgresql://u:p@h/d\n")
    file.write_text(f"ledgerFile: {tmp_path}/dsn\noperator: o\n")
    assert read_settings(file).ledger_url() == "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("operator: o\n", "ledgerFile: the database is named either by ledger or by ledgerFile; set one of them"),
        (GOOD + "ledgerFile: /dsn\n", "ledgerFile: the database is named either"),
        (GOOD + "authentication: Static\n", "staticTokens: staticTokens goes with authentication: Static"),
        (GOOD + "staticTokens: /t\n", "staticTokens: staticTokens goes with"),
        (GOOD + "authentication: None\n", "authentication: not an allowed value"),
        (GOOD + "prot: 80\n", "prot: unknown field (got 80); check the spelling, or remove it"),
        (GOOD + "port: 99999\n", "port"),
        (GOOD + "---\na: b\n", "holds 2 documents"),
        ("a: [", "not YAML"),
        ("ledger: sqlite:////x\n", "operator: required field is missing"),
    ],
)
def test_what_is_wrong_is_told_by_field(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "ledger.yaml"
    file.write_text(text)
    with pytest.raises(MoorageError) as caught:
        read_settings(file)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_service_that_cannot_start_says_why_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ledger.yaml"
    assert main(["--config", str(file)]) == 1
    tokens = tmp_path / "tokens"
    tokens.write_text("t: alice\n")
    rest = f"operator: o\nhost: 127.0.0.1\nport: 0\nauthentication: Static\nstaticTokens: {tokens}\n"
    for database, code, told in (
        ("ledger: mysql://u:hunter2@h/d\n", 2, "not a ledger's URL"),
        (f"ledgerFile: {tmp_path}/nowhere\n", 1, "mount the Secret that holds the database's URL there"),
        (f"ledger: sqlite:///{tmp_path}/no/folder/ledger.db\n", 1, "create its folder"),
        ("ledger: postgresql://u:hunter2@127.0.0.1:1/d\n", 1, "the database server cannot be reached"),
    ):
        file.write_text(database + rest)
        capsys.readouterr()
        assert main(["--config", str(file)]) == code
        error = capsys.readouterr().err
        assert told in error
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert "hunter2" not in error
