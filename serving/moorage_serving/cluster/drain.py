"""`python -m moorage_serving.cluster.drain [--seconds 40]`: a serving pod's preStop hook, so that no request fails when the pod goes.

Three parties go on sending requests to a pod that is deleted, and each is asked to stop in its own way:

- Ray Serve, whose HAProxies in all pods send to this pod's replica. Ray is told that the node goes: Serve starts a replica elsewhere if
  there is room, and retires this one in order, at the latest some seconds before the time is over.
- Kubernetes' Service: it takes a moment until every node knows that the pod is no endpoint any more. So long HAProxy goes on accepting.
- Clients with open connections, which no Service takes away. Then HAProxy is told to stop softly: it accepts no more, answers what comes
  on an open connection with `Connection: close`, and ends when the last is gone. Ray starts another when it reloads: that is told, too.

The hook ends when neither HAProxy nor a replica is left, or the time is over; Ray is ended after it, and the agent after Ray. Where there
is no HAProxy it does no harm. Always ends well: whatever is wrong here, the pod has to go.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from moorage_api.serving_environment import HAPROXY_CONFIG_VARIABLE, pod_environment
from moorage_serving.cluster.gcs_connections import GCS_PORT, head_address
from moorage_serving.processes_here import haproxies, raylet, replicas

SECONDS = 40.0
"""Twice what a replica may take to finish (deployment_options.STOP_WITHIN_SECONDS): half to find it a successor, half to finish."""
ENDPOINT_SECONDS = 3.0
"""How long the pod may still be taken for an endpoint."""
POLL_SECONDS = 0.2


def main(arguments: list[str]) -> int:
    """0, whatever happened."""
    parser = argparse.ArgumentParser(prog="python -m moorage_serving.cluster.drain", description="Let a serving pod go in order.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="The longest that it may take.")
    drain(
        parser.parse_args(arguments).seconds,
        Path(os.environ.get(HAPROXY_CONFIG_VARIABLE, pod_environment()[HAPROXY_CONFIG_VARIABLE])).parent,
    )
    return 0


def drain(seconds: float, folder: Path) -> None:
    """Return when nothing is left that answers requests, or after `seconds`. folder: of HAProxy's configuration, by which ours is known."""
    start = time.monotonic()
    leaving = _leave_ray(seconds)
    stop_accepting_at = start + min(ENDPOINT_SECONDS, seconds / 2)
    while (now := time.monotonic()) < start + seconds:
        left = haproxies(folder)
        if now >= stop_accepting_at:
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGUSR1)
            if not left and not replicas():
                break
        time.sleep(POLL_SECONDS)
    if leaving is not None and leaving.poll() is None:
        leaving.kill()


def _leave_ray(seconds: float) -> subprocess.Popen[bytes] | None:
    """Tell Ray that this node goes in `seconds`; None where there is no Ray. The head cannot leave: the rest ends with it."""
    node = raylet()
    if node is None or b"--head" in node.arguments or node.option("--head") is not None:
        return None
    head = head_address()
    address = f"{head}:{GCS_PORT}" if head else node.option("--gcs-address")
    identity = node.option("--node-id") or node.option("--node_id")
    if address is None or identity is None:
        return None
    command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node", "--address", address, "--node-id", identity]
    command += ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "the pod is deleted"]
    command += ["--deadline-remaining-seconds", str(int(seconds))]
    with contextlib.suppress(OSError):
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 (words of Ray's own)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
