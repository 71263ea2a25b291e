"""What SQLite needs to be a ledger: WAL, every commit on disk, transactions that begin where we say."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Engine, event

_BUSY, _WAL_DEADLINE_SECONDS = 5, 30.0


def prepare(engine: Engine, busy_seconds: float) -> tuple[Engine, Engine]:
    """Set `engine` up; the engines to read and to write with."""

    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin in _begin, not where the driver guesses
        connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        _turn_on_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin)
    return engine, engine.execution_options(moorage_write=True)


def _begin(connection: Connection) -> None:
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
            if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF != _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
