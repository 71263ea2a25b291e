"""`python -m moorage_serving.cluster.outlive [--seconds 60]`: the preStop hook of a service's head pod.

A Ray cluster is deleted with all its pods at once, and what runs on the workers ends with the head: a worker that still answers its last
requests would be cut off. So the head waits until no worker is connected to it any more, or the time is over. Always ends well: whatever is
wrong here, the pod has to go.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

GCS_PORT = 6379
SECONDS = 60.0
"""Longer than a worker drains (drain.SECONDS), with the time that its Ray takes to end."""
POLL_SECONDS = 0.5
_ESTABLISHED = "01"


def main(arguments: list[str]) -> int:
    """0, whatever happened."""
    parser = argparse.ArgumentParser(prog="python -m moorage_serving.cluster.outlive", description="Let a head pod go after its workers.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="The longest that it may take.")
    deadline = time.monotonic() + parser.parse_args(arguments).seconds
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline and any(workers_connected(table.read_text()) for table in _tables()):
            time.sleep(POLL_SECONDS)
    return 0


def workers_connected(table: str) -> bool:
    """Whether another host has a connection to the GCS of this one, from a table as /proc/net/tcp gives it; pure."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        (local, port), (remote, _) = fields[1].split(":"), fields[2].split(":")
        if fields[3] == _ESTABLISHED and int(port, 16) == GCS_PORT and remote != local:
            return True
    return False


def _tables() -> list[Path]:
    return [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
