"""The tables of the ledger's database. Every table is append-only: triggers refuse UPDATE and DELETE."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

VERSION = 2
"""1: usage, conflicts, privacy. 2: catalogue, API keys, and an index by object."""
metadata = MetaData()

# SQLite counts rows by itself only for INTEGER primary keys.
_Sequence = BigInteger().with_variant(Integer, "sqlite")


def _text(length: int) -> String:
    """Ordered by code point everywhere, as SQLite and Python do, not by the database's language."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
)

usage_events = Table(
    "usage_events",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("source", _text(200), nullable=False),
    Column("id", _text(200), nullable=False),
    Column("tenant", _text(63), nullable=False),
    Column("kind", String(63), nullable=False),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("code", Integer),
    Column("quantities", Text, nullable=False),
    UniqueConstraint("source", "id"),
    Index("usage_events_by_tenant", "tenant", "time_us"),
    Index("usage_events_by_object", "uid", "tenant", "time_us"),
)
"""`time_us`: microseconds since 1970 UTC. `quantities`: canonical JSON of meter to micro-units."""

usage_conflicts = Table(
    "usage_conflicts",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("source", _text(200), nullable=False),
    Column("id", _text(200), nullable=False),
    Column("event", Text, nullable=False),
    Index("usage_conflicts_by_id", "source", "id"),
)
"""Events that came with the (source, id) of another event and other contents: kept for people, never billed."""

privacy_entries = Table(
    "privacy_entries",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("dataset", String(2048), nullable=False),
    Column("job_uid", String(200), nullable=False),
    Column("job_ref", Text, nullable=False),
    Column("entry", String(16), nullable=False),
    Column("sampling_rate", Double, nullable=False),
    Column("noise_multiplier", Double, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("budget_epsilon", Double, nullable=False),
    Column("budget_delta", Double, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Index("privacy_entries_by_dataset", "dataset", "sequence"),
    Index("privacy_entries_by_job", "job_uid", "sequence"),
)

catalogue_versions = Table(
    "catalogue_versions",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("document", Text, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
)
"""What was known of tenants and plans, from when on. `document`: a Catalogue as canonical JSON."""

api_key_entries = Table(
    "api_key_entries",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("prefix", String(16), nullable=False),
    Column("tenant", _text(63), nullable=False),
    Column("entry", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("expires_us", BigInteger),
    Column("recorded_us", BigInteger, nullable=False),
    UniqueConstraint("prefix", "entry"),
)
"""`entry`: Created or Revoked, each at most once a key. Only the SHA-256 of a key is here."""

for _table in metadata.sorted_tables:
    for _verb in ("UPDATE", "DELETE"):
        event.listen(
            _table,
            "after_create",
            DDL(  # type: ignore[no-untyped-call]
                f"CREATE TRIGGER {_table.name}_no_{_verb.lower()} BEFORE {_verb} ON {_table.name} "
                f"BEGIN SELECT RAISE(ABORT, '{_table.name} is append-only'); END"
            ).execute_if(dialect="sqlite"),
        )
    event.listen(
        _table,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"CREATE FUNCTION {_table.name}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_table.name} is append-only'; END $$; "
            f"CREATE TRIGGER {_table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {_table.name} "
            f"EXECUTE FUNCTION {_table.name}_append_only()"
        ).execute_if(dialect="postgresql"),
    )
