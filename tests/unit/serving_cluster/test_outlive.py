"""The head goes after its workers."""

from __future__ import annotations

import pytest

from moorage_serving.cluster.outlive import main, workers_connected

HEAD, WORKER, GCS = "2B00F40A", "2C00F40A", "18EB"
TITLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


def _line(local: str, remote: str, state: str = "01") -> str:
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 20 4 30 10 -1"


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
def test_only_another_host_that_is_connected_to_the_gcs_is_waited_for(line: str, connected: bool) -> None:
    assert workers_connected(f"{TITLE}\n{line}\n") is connected


def test_without_workers_it_ends_at_once() -> None:
    assert main(["--seconds", "30"]) == 0
