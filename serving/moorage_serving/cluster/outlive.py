"""`python -m moorage_serving.cluster.outlive [--seconds 60]`: the preStop hook of a service's head pod.

A Ray cluster is deleted with all its pods at once, and what runs on the workers ends with the head: a worker that still answers its last
requests would be cut off. So the head waits until no worker is connected to it any more, or the time is over. Always ends well: whatever is
wrong here, the pod has to go.
"""

from __future__ import annotations

import argparse
import sys
import time

from moorage_serving.cluster.gcs_connections import worker_is_connected

SECONDS = 60.0
"""Longer than a worker drains (drain.SECONDS), with the time that its Ray takes to end."""
POLL_SECONDS = 0.5


def main(arguments: list[str]) -> int:
    """0, whatever happened."""
    parser = argparse.ArgumentParser(prog="python -m moorage_serving.cluster.outlive", description="Let a head pod go after its workers.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="The longest that it may take.")
    deadline = time.monotonic() + parser.parse_args(arguments).seconds
    while time.monotonic() < deadline and worker_is_connected():
        time.sleep(POLL_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
