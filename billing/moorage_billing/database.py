"""The ledger's database: opened by URL, made on first use, shared by many processes, its errors in Moorage's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from moorage_api.errors import Problem, Unavailable
from moorage_billing import database_postgresql, database_sqlite, schema_upgrade
from moorage_billing.database_url import driver_missing, parse_url
from moorage_billing.storage_errors import unavailable


class Database:
    """A pool of connections. `read()` sees a snapshot; `write()` holds the write lock from its first moment on.

    `busy_seconds`: how long a lock held by another process is waited for. Safe for any number of threads.
    """

    def __init__(self, url: str, busy_seconds: float = 30.0) -> None:
        """Open, and make, upgrade or check the tables. Raises InvalidInput for a bad URL, Unavailable if it cannot be used."""
        parsed = parse_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        # libpq takes a password among the query's parameters too, so none of them is ever shown
        self.where = (parsed.database or "") if self.is_sqlite else parsed.set(query={}).render_as_string(hide_password=True)
        self._busy_seconds = busy_seconds
        # Threads of one process queue here: SQLite's own waiting sleeps and is not fair.
        self._turn = Lock() if self.is_sqlite else None
        options = {} if self.is_sqlite else {**database_postgresql.POOL_OPTIONS, "connect_args": {"connect_timeout": 10}}
        try:
            self._engine = create_engine(parsed, **options)
        except ModuleNotFoundError as error:
            raise driver_missing(self.where, error.name or "") from None
        prepare = database_sqlite.prepare if self.is_sqlite else database_postgresql.prepare
        self._reading, self._writing = prepare(self._engine, busy_seconds)
        try:
            self._ensure_schema()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state. Raises Unavailable."""
        with self._transaction(self._reading) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed and durable when the block ends well, else rolled back. Raises Unavailable.

        Writers follow one another, so rows become visible in the order of their sequence.
        """
        with self._own_turn(), self._transaction(self._writing) as connection:
            yield connection

    def close(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=self._busy_seconds):
            fix = "wait for it, or find out what writes so long"
            raise Unavailable(Problem("another thread has written for too long", self.where, remedy=fix))
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise unavailable(error.orig or error, self.where) from error
        except PoolTimeout as error:
            raise Unavailable(Problem("every connection is in use", self.where, remedy="try again")) from error

    def _ensure_schema(self) -> None:
        with self.read() as connection:
            found = schema_upgrade.version_of(connection)
        if found == schema_upgrade.VERSION:
            return
        engine = self._writing if self.is_sqlite else database_postgresql.for_setup(self._engine)
        with self._transaction(engine) as connection:
            schema_upgrade.make_current(connection, self.where)


def opened(ledger: str | Database, busy_seconds: float) -> Database:
    """The database itself, or the one at a URL. Raises InvalidInput, Unavailable."""
    return ledger if isinstance(ledger, Database) else Database(ledger, busy_seconds)
