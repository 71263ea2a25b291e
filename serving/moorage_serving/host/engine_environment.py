"""The environment that Ray Serve reads when it is imported: HAProxy in front, throughput settings, nothing shared with other Rays."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from moorage_api.serving_environment import METRICS_FOLDER_VARIABLE, haproxy_environment
from moorage_serving.host import haproxy_launcher

DRAIN_SECONDS = 1.0
"""How long a replica that is to go stays reachable, so that HAProxy stops sending to it before it stops listening; Ray's own is 30."""


def engine_environment(folder: Path, free_ports: tuple[int, int], own_ports: tuple[int, int]) -> dict[str, str]:
    """Variables to set before `ray` is imported; pure.

    folder: private to this host, for HAProxy's configuration and sockets and for metrics. Its path is short, for sockets.
    free_ports: for HAProxy's metrics and statistics, whose fixed defaults two hosts on one machine would share.
    own_ports: first and last of those where replicas listen, and the proxy that requests go to while no replica is up. With a port that
    two hosts share, one host's ingress would reach the other's replicas.
    """
    return {
        **haproxy_environment(str(folder / "haproxy"), str(folder / "haproxy-launcher"), *free_ports, DRAIN_SECONDS),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(own_ports[0]),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(own_ports[0] + 1),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(own_ports[0] + 2),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(own_ports[1]),
        METRICS_FOLDER_VARIABLE: metrics_folder(folder),
    }


def metrics_folder(folder: Path) -> str:
    """Where the replicas' metrics lie; as a variable's value, also the mark of every process that belongs to this host."""
    return str(folder / "metrics")


def write_launcher(folder: Path, binary: Path) -> None:
    """Write the executable that Ray starts in HAProxy's place, so that HAProxy dies with Ray even if Ray is killed."""
    script = folder / "haproxy-launcher"
    command = shlex.join([sys.executable, "-I", "-S", haproxy_launcher.__file__, str(binary)])
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o700)
