"""API keys in the ledger's database: an append-only log of what was created and revoked. Only a key's SHA-256 is kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select

from moorage_api.access_policy import ApiKey
from moorage_api.clock import moment, timestamp
from moorage_api.errors import InvalidInput, Problem
from moorage_billing.api_keys import NewKey, new_key, prefix_of, require_room
from moorage_billing.database import Database
from moorage_billing.instant import micros_of, timestamp_of
from moorage_billing.schema import api_key_entries

_Keys = dict[str, list[ApiKey]]


class KeyLedger:
    """Keys by tenant, oldest first; safe for any number of processes and threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: tuple[int, _Keys] = (0, {})

    def keys(self, tenant: str | None = None) -> _Keys:
        """Every key there ever was, of one tenant or of all, in the order of their names. Raises Unavailable."""
        with self._database.read() as connection:
            return _keys(connection, None if tenant is None else api_key_entries.c.tenant == tenant)

    def current(self) -> _Keys:
        """As `keys()` of all, but read anew only after a change, for replicas ask every second. Raises Unavailable."""
        with self._database.read() as connection:
            newest = connection.scalar(select(func.max(api_key_entries.c.sequence))) or 0
            if newest != self._last[0]:
                self._last = (newest, _keys(connection, None))
            return self._last[1]

    def create(self, tenant: str, now: datetime, lifetime: timedelta | None) -> NewKey:
        """Give the tenant one more key. Raises Refused if it has two active ones; Unavailable."""
        with self._database.write() as connection:
            require_room(_keys(connection, api_key_entries.c.tenant == tenant).get(tenant, []), f"Tenant {tenant}", now)
            made = new_key(now, lifetime)
            while _keys(connection, api_key_entries.c.prefix == made.kept.prefix):
                made = new_key(now, lifetime)
            connection.execute(insert(api_key_entries), _entry("Created", tenant, made.kept))
        return made

    def revoke(self, given: str, now: datetime) -> tuple[str, ApiKey]:
        """Revoke the key with this prefix (a whole key is accepted too). Returns (tenant, key); again is no error.

        Raises InvalidInput if there is none; Unavailable.
        """
        prefix = prefix_of(given)
        with self._database.write() as connection:
            found = _keys(connection, api_key_entries.c.prefix == prefix)
            for tenant, (key,) in found.items():
                if key.revoked_at is not None:
                    return tenant, key
                revoked = key.model_copy(update={"revoked_at": timestamp(now)})
                connection.execute(insert(api_key_entries), _entry("Revoked", tenant, revoked))
                return tenant, revoked
        raise InvalidInput(Problem("no key has this prefix", "keys revoke", "PREFIX", prefix, "`moorage keys list` shows the prefixes"))


def _entry(entry: str, tenant: str, key: ApiKey) -> dict[str, Any]:
    at = key.revoked_at or key.created_at
    return {
        "prefix": key.prefix,
        "tenant": tenant,
        "entry": entry,
        "sha256": key.sha256,
        "expires_us": micros_of(key.expires_at) if key.expires_at else None,
        "recorded_us": micros_of(at),
    }


def _keys(connection: Connection, condition: ColumnElement[bool] | None) -> _Keys:
    query = select(api_key_entries).order_by(api_key_entries.c.tenant, api_key_entries.c.sequence)
    return _state(connection.execute(query if condition is None else query.where(condition)))


def _state(entries: Iterable[Row[Any]]) -> _Keys:
    """What the log adds up to."""
    keys: dict[str, dict[str, ApiKey]] = {}
    for entry in entries:
        of_tenant = keys.setdefault(entry.tenant, {})
        at = _stamp(entry.recorded_us)
        if entry.entry == "Revoked":
            of_tenant[entry.prefix] = of_tenant[entry.prefix].model_copy(update={"revoked_at": at})
        else:
            expires = None if entry.expires_us is None else _stamp(entry.expires_us)
            of_tenant[entry.prefix] = ApiKey(prefix=entry.prefix, sha256=entry.sha256, created_at=at, expires_at=expires)
    return {tenant: list(of_tenant.values()) for tenant, of_tenant in keys.items()}


def _stamp(micros: int) -> str:
    """As the key was given out: always with a fraction."""
    return timestamp(moment(timestamp_of(micros)))
