"""The ledger's database: opened by URL, made on first use, shared by many processes, its errors in Moorage's words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_billing import schema
from moorage_billing.storage_errors import unavailable

_SQLITE_BUSY, _WAL_DEADLINE_SECONDS = 5, 30.0


class Database:
    """A pool of connections. `read()` sees a snapshot; `write()` holds the write lock from its first moment on.

    `busy_seconds`: how long a lock held by another process is waited for.
    """

    def __init__(self, url: str, busy_seconds: float = 30.0) -> None:
        """Open, and make or check the tables. Raises InvalidInput for a bad URL, Unavailable if it cannot be used."""
        parsed = _parse(url)
        self.where = parsed.database if parsed.get_backend_name() == "sqlite" else parsed.render_as_string(hide_password=True)
        self._busy_seconds = busy_seconds
        try:
            self._engine = create_engine(parsed, **_engine_options(parsed))
        except ModuleNotFoundError as error:
            raise _driver_missing(self.where or "", error.name or "") from None
        self._writing = self._engine.execution_options(moorage_write=True)
        if parsed.get_backend_name() == "sqlite":
            event.listen(self._engine, "connect", self._configure_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        try:
            self._ensure_schema()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state. Raises Unavailable."""
        with self._transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed and durable when the block ends well, else rolled back. Raises Unavailable."""
        with self._transaction(self._writing) as connection:
            yield connection

    def close(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise unavailable(error.orig or error, self.where or "") from error

    def _ensure_schema(self) -> None:
        with self.read() as connection:
            found = _version(connection)
        if found is None:
            with self.write() as connection:
                found = _version(connection)
                if found is None:
                    schema.metadata.create_all(connection)
                    connection.execute(insert(schema.schema_version).values(version=schema.VERSION))
                    found = schema.VERSION
        if found != schema.VERSION:
            raise Unavailable(
                Problem(
                    f"the ledger has schema {found}, this Moorage knows {schema.VERSION}",
                    self.where or "",
                    remedy="use the version of Moorage that wrote it, or a newer one",
                )
            )

    def _configure_sqlite(self, connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin in _begin_sqlite, not where the driver guesses
        connection.execute(f"PRAGMA busy_timeout = {int(self._busy_seconds * 1000)}")
        _turn_on_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")


def _engine_options(url: URL) -> dict[str, Any]:
    # SQLite has one writer at a time; elsewhere a decision and its insert are safe only if the server serialises them.
    return {} if url.get_backend_name() == "sqlite" else {"isolation_level": "SERIALIZABLE"}


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once if another wrote in between; IMMEDIATE waits its turn instead.
    write = connection.get_execution_options().get("moorage_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _turn_on_wal(connection: Any) -> None:
    """SQLite does not wait for a lock when the journal mode changes, so processes that open a new file together retry here."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    deadline = time.monotonic() + _WAL_DEADLINE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except Exception as error:
            if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF != _SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema.schema_version.name):
        return None
    return connection.scalar(select(schema.schema_version.c.version).order_by(schema.schema_version.c.version.desc()))


def _parse(url: str) -> URL:
    problem = Problem("not a ledger's URL", "", "ledger", remedy="write sqlite:////ABSOLUTE/PATH or postgresql+psycopg://USER@HOST/NAME")
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        parsed.get_dialect()
    except ArgumentError:
        raise InvalidInput(problem) from None
    except NoSuchModuleError:
        backend = ""
    except ModuleNotFoundError as error:
        raise _driver_missing(url.partition(":")[0], error.name or "") from None
    if backend not in {"sqlite", "postgresql"}:
        raise InvalidInput(problem)
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise InvalidInput(Problem("a ledger in memory would be lost", "", "ledger", url, "name a file: sqlite:////ABSOLUTE/PATH"))
    return parsed


def _driver_missing(where: str, module: str) -> InvalidInput:
    fix = "pip install 'psycopg[binary]>=3.2' and write postgresql+psycopg://…"
    return InvalidInput(Problem(f"the database driver {module} is not installed", where, "ledger", remedy=fix))
