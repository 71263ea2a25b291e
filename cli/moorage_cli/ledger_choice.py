"""Where keys, invoices and privacy accounts come from: the home, or with `--ledger URL` a ledger's service. Chosen here and nowhere else.

Both answer in the same documents, so that a verb shows them alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Protocol

import typer

from moorage_api.errors import InvalidInput, Problem
from moorage_api.ledger_api import CreatedKey, PrivacyStatement, RevokedKey, TenantKeys
from moorage_billing.invoice import Invoice
from moorage_billing.period import Period
from moorage_billing.remote import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, RemoteLedger, open_ledger
from moorage_cli.home import open_home

LedgerOption = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        envvar="MOORAGE_LEDGER",
        metavar="URL",
        help=f"A ledger's service, in place of the home; its token is in ${TOKEN_VARIABLE} or in the file ${TOKEN_FILE_VARIABLE}.",
    ),
]


@dataclass(frozen=True)
class Account:
    """A privacy account as it is shown. name, namespace: of the Dataset, where one is known."""

    title: str
    statement: PrivacyStatement
    name: str | None = None
    namespace: str | None = None


class LedgerChoice(Protocol):
    """What the verbs ask of a ledger. Every method may raise InvalidInput, Refused, Unavailable."""

    def create_key(self, tenant: str, lifetime: timedelta | None) -> CreatedKey:
        """Make a key."""

    def keys(self) -> list[TenantKeys]:
        """All keys."""

    def revoke_key(self, given: str) -> RevokedKey:
        """End a key, named by its prefix or whole."""

    def invoices(self, tenant: str | None, period: Period) -> list[Invoice]:
        """One invoice a tenant, or that of one."""

    def accounts(self, dataset: str | None, namespace: str) -> list[Account]:
        """The account of a data set, or all."""


@contextmanager
def chosen_ledger(url: str | None, home: Path) -> Iterator[LedgerChoice]:
    """The service at `url`, or the home where there is none. Raises InvalidInput."""
    if not url:
        from moorage_cli.home_ledger import HomeLedger

        yield HomeLedger(open_home(home))
        return
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(Problem("not a URL of a ledger's service", "", "--ledger", url, "write http://HOST:PORT"))
    from moorage_cli.service_ledger import ServiceLedger

    remote = open_ledger(url)
    assert isinstance(remote, RemoteLedger), "by its scheme"  # noqa: S101
    try:
        yield ServiceLedger(remote)
    finally:
        remote.close()
