"""API keys: strong, shown once, two at a time, revoked for good."""

import hashlib
import math
import re
from datetime import UTC, datetime, timedelta

import pytest

from moorage_api.errors import InvalidInput, Refused
from moorage_api.manifest import parse_resource
from moorage_billing.api_keys import ALPHABET, SECRET_CHARACTERS, is_active
from moorage_cli.api_keys import admit_tenants, create_key, read_policy, revoke_key
from moorage_cli.home import open_home
from moorage_cli.verbs.keys import duration

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def tenant(name="acme", rate=None):
    limit = {"rateLimit": {"requestsPerSecond": rate}} if rate else {}
    document = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": {"plan": "free", **limit}}
    return parse_resource(document, "test")


@pytest.fixture
def home(tmp_path):
    return open_home(tmp_path)


def test_a_key_is_strong_and_only_its_hash_is_kept(home):
    made = create_key(home, tenant(), NOW, None)
    assert re.fullmatch(r"mrg_[0-9a-z]{8}_[0-9a-z]{40}", made.key)
    assert SECRET_CHARACTERS * math.log2(len(ALPHABET)) >= 190
    kept = read_policy(home).tenants[0].keys[0]
    assert kept.sha256 == hashlib.sha256(made.key.encode()).hexdigest()
    assert kept.prefix == made.key[:12]
    stored = "".join(p.read_text() for p in home.root.rglob("*") if p.is_file())
    assert made.key.rsplit("_", 1)[1] not in stored


def test_two_active_keys_at_most_and_revoking_makes_room(home):
    first = create_key(home, tenant(), NOW, None)
    create_key(home, tenant(), NOW, timedelta(days=1))
    with pytest.raises(Refused, match="2 active keys"):
        create_key(home, tenant(), NOW, None)
    assert revoke_key(home, first.key, NOW)[0] == "acme"
    create_key(home, tenant(), NOW, None)
    assert revoke_key(home, first.kept.prefix, NOW + timedelta(days=1))[1].revoked_at == "2026-11-22T00:00:00.000000Z"
    create_key(home, tenant(), NOW + timedelta(days=2), None)
    with pytest.raises(InvalidInput, match="no key has this prefix"):
        revoke_key(home, "mrg_nonesuch", NOW)


def test_an_expired_key_is_not_active(home):
    made = create_key(home, tenant(), NOW, timedelta(hours=1))
    assert is_active(made.kept, NOW)
    assert not is_active(made.kept, NOW + timedelta(hours=1))


def test_limits_follow_tenants_and_keys_stay(home):
    create_key(home, tenant(), NOW, None)
    admit_tenants(home, [tenant(rate=5.0), tenant("zeta")])
    policy = read_policy(home)
    assert [(t.name, len(t.keys)) for t in policy.tenants] == [("acme", 1), ("zeta", 0)]
    assert policy.tenants[0].rate_limit.requests_per_second == 5


def test_a_damaged_policy_is_not_overwritten(home):
    home.access_policy.write_text("{}x")
    with pytest.raises(InvalidInput, match="not an access policy"):
        create_key(home, tenant(), NOW, None)
    assert home.access_policy.read_text() == "{}x"


def test_durations():
    assert [duration(t) for t in ("30d", "12h", "90m")] == [timedelta(days=30), timedelta(hours=12), timedelta(minutes=90)]
    for wrong in ("", "30", "0d", "d", "-1d", "1w", "99999d"):
        with pytest.raises(InvalidInput, match="not a duration"):
            duration(wrong)
