"""What PostgreSQL needs to be a ledger: one writer at a time, readers that see one state, commits that are on disk.

A decision and its insert are one transaction, so they must not run beside another decision. Serializable transactions
would do, but any of them may fail and must be run again; and rows could become visible in another order than
their sequence, so that nobody could read "what came since". One lock, taken as the first statement of every write, gives
SQLite's order here too: `LOCK TABLE` takes no snapshot, so what the transaction sees is as of when it got the lock.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

_STATEMENT_TIMEOUT_MS = 120_000
_IDLE_TIMEOUT_MS = 300_000
_SETUP_LOCK = 0x6D6F6F72_61676500  # "moorage": where there is no table to lock as yet
POOL_OPTIONS: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 16, "max_overflow": 8, "pool_timeout": 30}


def prepare(engine: Engine, busy_seconds: float) -> tuple[Engine, Engine]:
    """Set `engine` up; the engines to read and to write with."""

    def configure(connection: Any, _record: Any) -> None:
        connection.autocommit = True  # a SET that is rolled back is undone
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {max(1, int(busy_seconds * 1000))}")
            cursor.execute(f"SET statement_timeout = {_STATEMENT_TIMEOUT_MS}")
            cursor.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_TIMEOUT_MS}")
            (mode,) = cursor.execute("SHOW synchronous_commit").fetchone()
            if mode in {"off", "local"}:  # what was acknowledged must survive, whatever the server's default is
                cursor.execute("SET synchronous_commit = on")
        connection.autocommit = False

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin)
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return reading, engine.execution_options(isolation_level="REPEATABLE READ", moorage_write=True)


def for_setup(engine: Engine) -> Engine:
    """The engine to make tables with: one process at a time, and each statement sees what others committed before it."""
    return engine.execution_options(isolation_level="READ COMMITTED", moorage_setup=True)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("moorage_setup", False):
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index of a large ledger takes its time
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SETUP_LOCK})")
    elif options.get("moorage_write", False):
        connection.exec_driver_sql("LOCK TABLE schema_version IN SHARE ROW EXCLUSIVE MODE")
