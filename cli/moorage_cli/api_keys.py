"""API keys: made, listed and revoked in the AccessPolicy that the serving replicas re-read; only a SHA-256 is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from moorage_api.access_policy import AccessPolicy, ApiKey, TenantAccess
from moorage_api.clock import timestamp
from moorage_api.errors import InvalidInput, Problem
from moorage_api.tenant import Tenant
from moorage_billing.api_keys import NewKey, new_key, prefix_of, require_room
from moorage_billing.api_keys import is_active as is_active
from moorage_cli.durable_file import write_durably
from moorage_cli.home import Home
from moorage_cli.home_lock import brief_lock


def read_policy(home: Home) -> AccessPolicy:
    """The policy as it stands. Raises InvalidInput if the file is damaged: keys must not vanish silently."""
    if not home.access_policy.exists():
        return AccessPolicy()
    try:
        return AccessPolicy.model_validate_json(home.access_policy.read_bytes(), by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidInput(
            Problem(f"not an access policy: {error.errors()[0]['msg']}", str(home.access_policy), remedy="restore the file from a copy")
        ) from None


def admit_tenants(home: Home, tenants: Sequence[Tenant]) -> None:
    """Write each Tenant and its rate limit into the policy; keys stay, and so do entries of Tenants that are gone."""
    with brief_lock(_lock(home)):
        old = read_policy(home)
        keys = {access.name: access.keys for access in old.tenants}
        present = {t.metadata.name for t in tenants}
        entries = [TenantAccess(name=t.metadata.name, keys=keys.get(t.metadata.name, []), rate_limit=t.spec.rate_limit) for t in tenants]
        entries += [a for a in old.tenants if a.name not in present]
        policy = AccessPolicy(tenants=sorted(entries, key=lambda a: a.name))
        if policy != old or not home.access_policy.exists():
            _write(home, policy)


def create_key(home: Home, tenant: Tenant, now: datetime, lifetime: timedelta | None) -> NewKey:
    """Give the tenant one more key. Raises Refused if it has two active ones."""
    with brief_lock(_lock(home)):
        policy = read_policy(home)
        access = next((a for a in policy.tenants if a.name == tenant.metadata.name), None)
        access = access or TenantAccess(name=tenant.metadata.name, rate_limit=tenant.spec.rate_limit)
        require_room(access.keys, tenant.ref, now)
        created = new_key(now, lifetime)
        access = access.model_copy(update={"keys": [*access.keys, created.kept]})
        others = [a for a in policy.tenants if a.name != access.name]
        _write(home, AccessPolicy(tenants=sorted([*others, access], key=lambda a: a.name)))
        return created


def revoke_key(home: Home, given: str, now: datetime) -> tuple[str, ApiKey]:
    """Revoke the key with this prefix (a whole key is accepted too). Returns (tenant, key); again is no error. Raises InvalidInput."""
    prefix = prefix_of(given)
    with brief_lock(_lock(home)):
        policy = read_policy(home)
        for index, access in enumerate(policy.tenants):
            for position, key in enumerate(access.keys):
                if key.prefix != prefix:
                    continue
                revoked = key if key.revoked_at else key.model_copy(update={"revoked_at": timestamp(now)})
                keys = [*access.keys[:position], revoked, *access.keys[position + 1 :]]
                tenants = list(policy.tenants)
                tenants[index] = access.model_copy(update={"keys": keys})
                _write(home, AccessPolicy(tenants=tenants))
                return access.name, revoked
    raise InvalidInput(Problem("no key has this prefix", "keys revoke", "PREFIX", prefix, "`moorage keys list` shows the prefixes"))


def _write(home: Home, policy: AccessPolicy) -> None:
    write_durably(home.access_policy, policy.model_dump_json(by_alias=True, exclude_none=True, indent=2) + "\n")


def _lock(home: Home) -> Path:
    return home.root / "access_policy.lock"
