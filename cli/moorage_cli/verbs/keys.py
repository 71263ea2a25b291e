"""`moorage keys create|list|revoke`: API keys of tenants. Running services take a change within two seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from moorage_api.errors import InvalidInput, Problem
from moorage_api.tenant import Tenant
from moorage_cli.api_keys import create_key, is_active, read_policy, revoke_key
from moorage_api.clock import utc_now
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import open_home
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
    output: OutputOption = Format.table,
) -> None:
    """Make a key. It is shown this once; only its SHA-256 is kept."""
    opened = open_home(home)
    owner = ObjectStore(opened).get(Tenant, None, tenant)
    made = create_key(opened, owner, utc_now(), duration(expires) if expires else None)
    if output is Format.json:
        say_json({"key": made.key, "prefix": made.kept.prefix, "tenant": tenant, "expiresAt": made.kept.expires_at})
        return
    say(made.key)
    if is_person():
        say(f"This key of tenant {tenant} is shown only now. Callers send it as `Authorization: Bearer KEY`.")


@app.command("list")
def list_keys(home: HomeOption = DEFAULT_HOME, output: OutputOption = Format.table) -> None:
    """Every key by its prefix, with its tenant and state."""
    now = utc_now()
    rows = []
    for access in read_policy(open_home(home)).tenants:
        for key in access.keys:
            state = "active" if is_active(key, now) else "revoked" if key.revoked_at else "expired"
            rows.append((key.prefix, access.name, state, key.created_at, key.expires_at, key.revoked_at))
    if output is Format.json:
        names = ("prefix", "tenant", "state", "createdAt", "expiresAt", "revokedAt")
        say_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        say_table(("Prefix", "Tenant", "State", "Created", "Expires", "Revoked"), rows, nothing="no keys")


@app.command("revoke")
def revoke(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, mrg_ and eight characters.")],
    home: HomeOption = DEFAULT_HOME,
    output: OutputOption = Format.table,
) -> None:
    """End a key. It is refused everywhere within two seconds."""
    tenant, key = revoke_key(open_home(home), prefix, utc_now())
    if output is Format.json:
        say_json({"prefix": key.prefix, "tenant": tenant, "revokedAt": key.revoked_at})
    else:
        say(f"{key.prefix} of tenant {tenant} is revoked")


def duration(text: str) -> timedelta:
    """`30d`, `12h` or `90m`. Raises InvalidInput."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if length is None or length > _LONGEST:
        raise InvalidInput(Problem("not a duration", "keys create", "--expires", text, "write e.g. 30d, 12h or 90m; at most 3650d"))
    return length
