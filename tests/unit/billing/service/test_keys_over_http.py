"""API keys of the ledger: shown once, two at a time, revoked for good, and only their SHA-256 kept."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from moorage_api.errors import InvalidInput, Refused


def test_a_key_from_creation_to_its_end(any_service: Any, catalogue: Any) -> None:
    admin = any_service.client("admin")
    with pytest.raises(InvalidInput, match="there is no such Tenant in the ledger's catalogue \\(got acme\\)"):
        admin.create_key("acme")
    any_service.client().put_catalogue(*catalogue)
    made = admin.create_key("acme")
    assert re.fullmatch(r"mrg_[0-9a-z]{8}_[0-9a-z]{40}", made.key)
    assert made.kept.sha256 == hashlib.sha256(made.key.encode()).hexdigest()
    brief = admin.create_key("acme", 3600)
    assert brief.kept.expires_at == "2026-11-22T13:00:00.000000Z"
    with pytest.raises(
        Refused, match=f"Tenant acme: it has 2 active keys, the most at a time \\(got {made.kept.prefix}, {brief.kept.prefix}\\)"
    ):
        admin.create_key("acme")
    assert admin.active_keys() == {"acme": 2}
    any_service.now[0] += timedelta(hours=1)
    (keys,) = admin.list_keys()
    assert [(k.prefix, k.state) for k in keys.keys] == [(made.kept.prefix, "active"), (brief.kept.prefix, "expired")]
    assert admin.active_keys() == {"acme": 1}
    revoked = admin.revoke_key(made.key)
    assert (revoked.tenant, revoked.key.prefix, revoked.key.state) == ("acme", made.kept.prefix, "revoked")
    assert admin.revoke_key(made.kept.prefix) == revoked
    assert admin.list_keys("acme")[0].active == 0
    assert admin.list_keys("beta")[0].keys == []
    with pytest.raises(InvalidInput, match="no key has this prefix"):
        admin.revoke_key("mrg_nonesuch")


def test_nothing_that_opens_anything_is_stored_or_logged(
    service: Any, catalogue: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.client().put_catalogue(*catalogue)
    made = service.client("admin").create_key("acme")
    service.client("admin").revoke_key(made.key)
    service.ask("POST", f"/v1/keys/{made.key}/revoke", "admin")
    secret = made.key.rsplit("_", 1)[1].encode()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert made.kept.sha256.encode() in stored
    assert secret not in stored
    own = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("moorage"))
    assert secret.decode() not in own
    assert "admin-token" not in own


@pytest.mark.parametrize("body", [b'{"lifetimeSeconds": 0}', b'{"lifetimeSeconds": 1e99}', b'{"lifetime": 5}', b"[]"])
def test_a_bad_lifetime_is_refused(service: Any, catalogue: Any, body: bytes) -> None:
    service.client().put_catalogue(*catalogue)
    answer = service.ask("POST", "/v1/tenants/acme/keys", "admin", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("key")
    assert service.room.keys.keys() == {}


def test_the_answer_that_holds_a_key_is_not_to_be_kept(service: Any, catalogue: Any) -> None:
    service.client().put_catalogue(*catalogue)
    answer = service.ask("POST", "/v1/tenants/acme/keys", "admin")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
