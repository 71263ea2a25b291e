"""Who is connected to whom, as Linux writes it down."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage_serving.cluster import gcs_connections
from moorage_serving.cluster.gcs_connections import address_of, head_address, worker_is_connected
from moorage_serving.cluster.outlive import main

HEAD, WORKER, GCS = "2B00F40A", "2C00F40A", "18EB"
MAPPED = "0000000000000000FFFF0000"
TITLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


def _line(local: str, remote: str, state: str = "01") -> str:
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 20 4 30 10 -1"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only one; it may have no lines yet."""
    path = tmp_path / "tcp"
    monkeypatch.setattr(gcs_connections, "_TABLES", (path, tmp_path / "tcp6"))
    return path


@pytest.mark.parametrize(
    ("line", "connected"),
    [
        pytest.param(_line(f"{HEAD}:{GCS}", f"{WORKER}:C350"), True, id="a worker"),
        pytest.param(_line(f"{HEAD}:{GCS}", f"{HEAD}:C350"), False, id="the head itself"),
        pytest.param(_line(f"{HEAD}:{GCS}", f"{WORKER}:C350", "06"), False, id="a connection that is over"),
        pytest.param(_line(f"{HEAD}:2049", f"{WORKER}:C350"), False, id="the dashboard's port"),
        pytest.param(_line(f"00000000:{GCS}", "00000000:0000", "0A"), False, id="the listener"),
    ],
)
def test_only_another_host_that_is_connected_to_the_gcs_is_waited_for(table: Path, line: str, connected: bool) -> None:
    table.write_text(f"{TITLE}\n{line}\n")
    assert worker_is_connected() is connected


@pytest.mark.parametrize(
    ("line", "head"),
    [
        pytest.param(_line(f"{WORKER}:C350", f"{HEAD}:{GCS}"), "10.244.0.43", id="by IPv4"),
        pytest.param(_line(f"{MAPPED}{WORKER}:C350", f"{MAPPED}{HEAD}:{GCS}"), "10.244.0.43", id="by a socket for both"),
        pytest.param(_line(f"{WORKER}:C350", f"{HEAD}:{GCS}", "02"), None, id="not yet"),
        pytest.param(_line(f"{HEAD}:C350", f"{HEAD}:{GCS}"), None, id="the head itself"),
    ],
)
def test_a_worker_knows_its_head_by_the_connection_to_it(table: Path, line: str, head: str | None) -> None:
    table.write_text(f"{TITLE}\n{line}\n")
    assert head_address() == head


def test_addresses_are_written_in_words() -> None:
    assert address_of("0100007F") == "127.0.0.1"
    assert address_of("000080FE000000000000000001000000") == "fe80::1"


def test_a_head_without_workers_goes_at_once(table: Path) -> None:
    assert head_address() is None
    assert main(["--seconds", "30"]) == 0
