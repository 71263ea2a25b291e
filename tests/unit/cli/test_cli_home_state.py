"""The home: objects, their generations, modes of files, the lock."""

import json
import stat
from datetime import UTC, datetime

import pytest

from moorage_api.errors import InvalidInput, Unavailable
from moorage_api.manifest import parse_resource
from moorage_api.tenant import Tenant, TenantStatus
from moorage_cli.durable_file import write_durably
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import open_home
from moorage_cli.home_lock import is_running, sole_runner

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def tenant(plan="free", **metadata) -> Tenant:
    document = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "acme", **metadata}, "spec": {"plan": plan}}
    found = parse_resource(document, "test")
    assert isinstance(found, Tenant)
    return found


@pytest.fixture
def store(tmp_path):
    return ObjectStore(open_home(tmp_path / "a home"))


def test_generation_counts_changes_of_spec_only(store):
    first = store.apply(tenant(), NOW)
    assert (first.metadata.generation, first.metadata.creation_timestamp) == (1, "2026-11-22T00:00:00.000000Z")
    store.set_status(first, TenantStatus(active_keys=2))
    same = store.apply(tenant(labels={"team": "a"}), NOW)
    assert (same.metadata.generation, same.metadata.uid, same.status) == (1, first.metadata.uid, TenantStatus(active_keys=2))
    changed = store.apply(tenant("gold"), NOW)
    assert (changed.metadata.generation, changed.metadata.uid) == (2, first.metadata.uid)
    assert ObjectStore(store.home).get(Tenant, None, "acme") == changed


def test_files_are_private_and_an_unchanged_object_is_not_written(store):
    store.apply(tenant(), NOW)
    file = store.home.objects / "Tenant" / "_cluster" / "acme.json"
    before = file.stat()
    assert stat.S_IMODE(before.st_mode) == 0o600
    assert stat.S_IMODE(store.home.root.stat().st_mode) == stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    store.apply(tenant(), NOW)
    assert file.stat().st_ino == before.st_ino
    assert json.loads(file.read_text())["metadata"]["generation"] == 1


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "f"
    write_durably(file, "old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Unavailable, match="No space left"):
        write_durably(file, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert file.read_text() == "old"


def test_a_missing_object_is_named_with_what_there_is(store):
    store.apply(tenant(), NOW)
    with pytest.raises(InvalidInput, match="no Tenant nobody in this home \\(known: acme\\)"):
        store.get(Tenant, None, "nobody")


def test_a_damaged_object_is_named(store):
    store.apply(tenant(), NOW)
    file = store.home.objects / "Tenant" / "_cluster" / "acme.json"
    file.write_text("{")
    with pytest.raises(InvalidInput, match=r"acme\.json: not JSON"):
        store.all(Tenant)


def test_a_home_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="--home: not a folder"):
        open_home(tmp_path / "file")


def test_one_runner_a_home(tmp_path):
    home = open_home(tmp_path)
    assert not is_running(home)
    with sole_runner(home):
        assert is_running(home)
        with pytest.raises(Unavailable, match=r"another `moorage run` \(process \d+\)"), sole_runner(home):
            pass
    assert not is_running(home)
