"""`moorage keys create|list|revoke`: API keys of tenants. Running services take a change within two seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from moorage_api.errors import InvalidInput, Problem
from moorage_cli.ledger_choice import LedgerOption, chosen_ledger
from moorage_cli.options import DEFAULT_HOME, HomeOption, OutputOption
from moorage_cli.output import Format, is_person, say, say_json, say_table

app = typer.Typer(help="API keys of tenants: create, list, revoke.", no_args_is_help=True, rich_markup_mode=None)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3650)


@app.command("create")
def create(
    tenant: Annotated[str, typer.Argument(help="The Tenant that the key belongs to.")],
    expires: Annotated[str | None, typer.Option(help="When it ends, e.g. 30d, 12h, 90m. Default: never.")] = None,
    home: HomeOption = DEFAULT_HOME,
    ledger: LedgerOption = None,
    output: OutputOption = Format.table,
) -> None:
    """Make a key. It is shown this once; only its SHA-256 is kept."""
    lifetime = duration(expires) if expires else None
    with chosen_ledger(ledger, home) as chosen:
        made = chosen.create_key(tenant, lifetime)
    if output is Format.json:
        say_json({"key": made.key, "prefix": made.kept.prefix, "tenant": tenant, "expiresAt": made.kept.expires_at})
        return
    say(made.key)
    if is_person():
        say(f"This key of tenant {tenant} is shown only now. Callers send it as `Authorization: Bearer KEY`.")


@app.command("list")
def list_keys(home: HomeOption = DEFAULT_HOME, ledger: LedgerOption = None, output: OutputOption = Format.table) -> None:
    """Every key by its prefix, with its tenant and state."""
    with chosen_ledger(ledger, home) as chosen:
        known = chosen.keys()
    rows = [(k.prefix, owner.tenant, k.state, k.created_at, k.expires_at, k.revoked_at) for owner in known for k in owner.keys]
    if output is Format.json:
        names = ("prefix", "tenant", "state", "createdAt", "expiresAt", "revokedAt")
        say_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        say_table(("Prefix", "Tenant", "State", "Created", "Expires", "Revoked"), rows, nothing="no keys")


@app.command("revoke")
def revoke(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, mrg_ and eight characters.")],
    home: HomeOption = DEFAULT_HOME,
    ledger: LedgerOption = None,
    output: OutputOption = Format.table,
) -> None:
    """End a key. It is refused everywhere within two seconds."""
    with chosen_ledger(ledger, home) as chosen:
        revoked = chosen.revoke_key(prefix)
    if output is Format.json:
        say_json({"prefix": revoked.key.prefix, "tenant": revoked.tenant, "revokedAt": revoked.key.revoked_at})
    else:
        say(f"{revoked.key.prefix} of tenant {revoked.tenant} is revoked")


def duration(text: str) -> timedelta:
    """`30d`, `12h` or `90m`. Raises InvalidInput."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if length is None or length > _LONGEST:
        raise InvalidInput(Problem("not a duration", "keys create", "--expires", text, "write e.g. 30d, 12h or 90m; at most 3650d"))
    return length
