"""The commands of docs/install.md and docs/operations.md do what is written there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from cluster.documents import commands, type_in
from cluster.kubectl import Kubectl
from cluster.release import VALUES, ledger_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a platform team works: its values are in mine.yaml."""
    made = tmp_path_factory.mktemp("platform")
    (made / "mine.yaml").write_text(VALUES.read_text())
    return made


@pytest.fixture(autouse=True)
def _room_for_keys(kubectl: Kubectl, digits: None) -> None:
    """A tenant has two keys at most."""
    with ledger_of(kubectl) as ledger:
        for key in ledger.list_keys("harbour").pop().keys:
            if key.state == "active":
                ledger.revoke_key(key.prefix)


def test_the_installed_release_is_checked(kubectl: Kubectl, folder: Path) -> None:
    (block,) = commands("install.md", "4. Install")
    install, *rest = block.splitlines()
    assert install.startswith("helm install moorage charts/moorage")  # as the session's own fixture did
    printed = type_in(kubectl, folder, "\n".join(rest))
    assert "Succeeded" in printed
    assert printed.count("moorage.dev") >= 5


def test_a_first_job_and_a_first_request(kubectl: Kubectl, folder: Path) -> None:
    for block in (*commands("install.md", "5. Tenants, plans, a first job"), *commands("install.md", "6. Keys and a first request")):
        printed = type_in(kubectl, folder, block)
    assert '"name":"digits"' in printed.replace(" ", "")
    assert "harbour" in printed
    assert "epsilon" in printed


def test_looking_and_upgrading(kubectl: Kubectl, folder: Path) -> None:
    (look,) = commands("operations.md", "Look")
    assert "GatesPassed" in type_in(kubectl, folder, look)
    before = _serving_pods(kubectl)
    (upgrade,) = commands("operations.md", "Upgrade")
    assert "has been upgraded" in type_in(kubectl, folder, upgrade)
    assert _serving_pods(kubectl) == before, "nothing rolls over where nothing that is rendered changed"


def test_the_ledger_is_backed_up_and_put_back(kubectl: Kubectl, folder: Path) -> None:
    backup, restore = commands("operations.md", "Back up the ledger")
    type_in(kubectl, folder, backup)
    with sqlite3.connect(folder / "ledger-backup.db") as copy:
        (events,) = copy.execute("SELECT count(*) FROM usage_events").fetchone()
    assert events > 0
    with ledger_of(kubectl) as ledger:
        lost = ledger.create_key("lighthouse").kept.prefix
    type_in(kubectl, folder, restore)
    with ledger_of(kubectl) as ledger:
        assert lost not in {key.prefix for key in ledger.list_keys("lighthouse").pop().keys}, "the ledger is as it was at the backup"


def test_keys_are_rotated(kubectl: Kubectl, folder: Path) -> None:
    (block,) = commands("operations.md", "Rotate and revoke keys")
    with ledger_of(kubectl) as ledger:
        old = ledger.create_key("harbour").kept.prefix
    connect = commands("install.md", "6. Keys and a first request")[0].split("KEY=")[0]
    printed = type_in(kubectl, folder, connect + block.replace("mrg_XXXXXXXX", old))
    assert old in printed
    with ledger_of(kubectl) as ledger:
        states = {key.prefix: key.state for key in ledger.list_keys("harbour").pop().keys}
    assert states[old] == "revoked"
    assert list(states.values()).count("active") == 1


def test_a_finished_run_s_folder_is_removed(kubectl: Kubectl, folder: Path) -> None:
    (block,) = commands("operations.md", "Delete")
    job = kubectl.get("trainingjob", "digits")
    head = kubectl.list("pods", "default", "moorage.dev/kind=ModelService,moorage.dev/role=head")[0]["metadata"]["name"]

    def runs() -> list[str]:
        return kubectl("exec", head, "-c", "ray", "--", "ls", "/var/lib/moorage/runs").split()

    assert job is not None
    assert job["metadata"]["uid"] in runs()
    type_in(kubectl, folder, block)
    assert job["metadata"]["uid"] not in runs()


def _serving_pods(kubectl: Kubectl) -> set[str]:
    return {pod["metadata"]["uid"] for pod in kubectl.list("pods", "default", "moorage.dev/kind=ModelService")}
