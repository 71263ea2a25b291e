"""Who may call, with which keys, how fast: what the serving replicas know of tenants. Replaced atomically, re-read within seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Name, Timestamp
from moorage_api.tenant import RateLimit

KEY_PREFIX_LENGTH = 12


class ApiKey(ApiModel):
    """What is kept of an API key. The key itself, `mrg_<8 of prefix>_<32+ of secret>`, is shown once and never stored."""

    prefix: Annotated[str, Field(min_length=KEY_PREFIX_LENGTH, max_length=KEY_PREFIX_LENGTH, pattern=r"^mrg_[0-9a-z]{8}$")]
    """The key's public part: the only one that is ever shown or logged."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the whole key."""
    created_at: Timestamp
    """When the key was made."""
    expires_at: Timestamp | None = None
    """From when on it is refused. Default: never."""
    revoked_at: Timestamp | None = None
    """Since when it is refused."""


class TenantAccess(ApiModel):
    """One tenant's keys and limit."""

    name: Name
    """The Tenant."""
    keys: list[ApiKey] = []
    """At most two that are neither revoked nor expired, for rotation."""
    rate_limit: RateLimit | None = None
    """How fast it may call. Default: no limit."""


class AccessPolicy(ApiModel):
    """Every tenant that a replica may have to know."""

    version: Literal["moorage.dev/access.v1"] = "moorage.dev/access.v1"
    """Of this document."""
    tenants: list[TenantAccess] = []
    """Who may call; everybody else is unknown."""
