"""Keys, the policy's file, and rate limits."""

import os
from datetime import UTC, datetime

import pytest
from serving_scenario import Keys

from moorage_api.tenant import RateLimit
from moorage_serving.access.key_ring import parse_policy
from moorage_serving.access.policy_file import PolicyFile
from moorage_serving.access.rate_limit import RateLimits, TokenBucket, share_of

NOW = datetime(2026, 6, 1, tzinfo=UTC).timestamp()


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "access.json")


def tenant_of(keys, key, now=NOW):
    return parse_policy(keys.path.read_bytes(), "policy").tenant_of(key, now)


def test_two_keys_of_a_tenant_are_valid_at_once(keys):
    old, new, other = keys.create("acme"), keys.create("acme"), keys.create("other")
    assert [tenant_of(keys, k) for k in (old, new, other)] == ["acme", "acme", "other"]


@pytest.mark.parametrize(
    "change", [lambda k: k[:-1], lambda k: k + "a", lambda k: k[:12], lambda k: "", lambda k: "mrg_zzzzzzzz" + k[12:], str.upper]
)
def test_anything_but_the_whole_key_is_nobody(keys, change):
    assert tenant_of(keys, change(keys.create("acme"))) is None


@pytest.mark.parametrize("field", ["expires_at", "revoked_at"])
def test_a_key_ends_at_the_moment_given(keys, field):
    key = keys.create("acme")
    keys.change("acme", key, **{field: "2026-06-01T00:00:00Z"})
    assert tenant_of(keys, key, NOW - 0.001) == "acme"
    assert tenant_of(keys, key, NOW) is None


def test_the_file_is_followed_and_a_bad_one_keeps_the_last_good(keys, caplog):
    file = PolicyFile(keys.path)
    assert not file.refresh()
    assert file.ring.tenant_of("mrg_aaaaaaaa_x", NOW) is None
    key = keys.create("acme")
    assert file.refresh()
    assert not file.refresh()
    assert file.ring.tenant_of(key, NOW) == "acme"
    good = keys.path.read_bytes()
    for bad in (b"", b"{", b'{"tenants":[{"name":"acme","keys":[{"prefix":"x"}]}]}', b'{"surprise":1}'):
        keys.path.write_bytes(bad)
        assert not file.refresh()
        assert file.ring.tenant_of(key, NOW) == "acme"
    keys.path.unlink()
    assert not file.refresh()
    assert file.ring.tenant_of(key, NOW) == "acme"
    keys.path.write_bytes(good)
    keys.change("acme", key, revoked_at="2026-01-02T00:00:00Z")
    assert file.refresh()
    assert file.ring.tenant_of(key, NOW) is None


def test_a_replacement_of_the_same_size_and_time_is_seen(keys):
    first = keys.create("acme")
    file = PolicyFile(keys.path)
    file.refresh()
    stat = keys.path.stat()
    keys.tenants.clear()
    second = keys.create("acme")
    os.utime(keys.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.refresh()
    assert (file.ring.tenant_of(first, NOW), file.ring.tenant_of(second, NOW)) == (None, "acme")


def test_a_bucket_lets_its_burst_through_and_then_its_rate():
    bucket = TokenBucket(rate=10, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(0.0) == pytest.approx(0.1)
    passed = sum(bucket.take(t / 1000) == 0.0 for t in range(10_000))
    assert passed == pytest.approx(100, abs=1)


def test_a_clock_that_stands_still_or_goes_back_gives_nothing():
    bucket = TokenBucket(rate=10, burst=1, now=5.0)
    assert bucket.take(5.0) == 0.0
    assert bucket.take(4.0) > 0.0


@pytest.mark.parametrize("replicas", [1, 2, 3, 8])
def test_the_replicas_shares_add_up_to_the_limit(replicas):
    limit = RateLimit(requests_per_second=100, burst=16)
    share = share_of(limit, replicas)
    assert share.rate * replicas == pytest.approx(100)
    assert share.burst * replicas == pytest.approx(16)


def test_a_burst_below_the_number_of_replicas_still_lets_a_request_through():
    limits = RateLimits()
    limits.configure({"acme": RateLimit(requests_per_second=1, burst=1)}, 4, 0.0)
    assert limits.take("acme", 0.0) is None
    assert limits.take("acme", 0.0) == 4


def test_a_new_limit_does_not_give_back_what_was_used_up():
    limits = RateLimits()
    limits.configure({"acme": RateLimit(requests_per_second=1, burst=2)}, 1, 0.0)
    assert [limits.take("acme", 0.0) for _ in range(3)] == [None, None, 1]
    limits.configure({"acme": RateLimit(requests_per_second=2, burst=50)}, 1, 0.0)
    assert limits.take("acme", 0.0) == 1
    limits.configure({}, 1, 0.0)
    assert limits.take("acme", 0.0) is None
