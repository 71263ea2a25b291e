"""From no ledger, or an older one, to the tables of this version; in one transaction, nothing that is there is changed."""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, select

from moorage_api.errors import Problem, Unavailable
from moorage_billing import schema

VERSION = schema.VERSION


def version_of(connection: Connection) -> int | None:
    """The schema's version; None where there is no ledger as yet."""
    if not inspect(connection).has_table(schema.schema_version.name):
        return None
    return connection.scalar(select(schema.schema_version.c.version).order_by(schema.schema_version.c.version.desc()))


def make_current(connection: Connection, where: str) -> None:
    """Add what is missing. The caller holds the write lock. Raises Unavailable if the ledger is of a newer version."""
    found = version_of(connection)
    if found == VERSION:
        return
    if found is not None and found > VERSION:
        raise Unavailable(
            Problem(
                f"the ledger has schema {found}, this Moorage knows {VERSION}",
                where,
                remedy="use the version of Moorage that wrote it, or a newer one",
            )
        )
    schema.metadata.create_all(connection)  # each version added tables, so what is missing is what is new
    for table in schema.metadata.sorted_tables:
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    connection.execute(insert(schema.schema_version).values(version=VERSION))
