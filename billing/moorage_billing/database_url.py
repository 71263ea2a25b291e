"""The ledger's URL: which databases may hold it, and what to write for them."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from moorage_api.errors import InvalidInput, Problem

_REMEDY = "write sqlite:////ABSOLUTE/PATH or postgresql+psycopg://USER@HOST/NAME"


def parse_url(url: str) -> URL:
    """A database that can hold a ledger. PostgreSQL's own spelling (`postgresql://`, `postgres://`) gets Moorage's driver.

    Raises InvalidInput; the message never holds the URL, in which there may be a password.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgres", "postgresql"}:
        url = f"postgresql+psycopg://{rest}"
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        parsed.get_dialect()
    except (ArgumentError, ValueError):
        raise InvalidInput(Problem("not a ledger's URL", "", "ledger", remedy=_REMEDY)) from None
    except NoSuchModuleError:
        backend = ""
    except ModuleNotFoundError as error:
        raise driver_missing(scheme, error.name or "") from None
    if backend not in {"sqlite", "postgresql"}:
        raise InvalidInput(Problem("not a ledger's URL", "", "ledger", remedy=_REMEDY))
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise InvalidInput(Problem("a ledger in memory would be lost", "", "ledger", url, "name a file: sqlite:////ABSOLUTE/PATH"))
    return parsed


def driver_missing(where: str, module: str) -> InvalidInput:
    """The database's Python driver is not installed."""
    fix = "pip install 'psycopg[binary]>=3.2' and write postgresql+psycopg://…"
    return InvalidInput(Problem(f"the database driver {module} is not installed", where, "ledger", remedy=fix))
