"""The environment that Ray Serve reads when it is imported: HAProxy in front, throughput settings, nothing shared with other Rays."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from moorage_serving.host import haproxy_launcher
from moorage_serving.replica import METRICS_FOLDER_VARIABLE

DRAIN_SECONDS = 1.0
"""How long a replica that is to go stays reachable, so that HAProxy stops sending to it before it stops listening; Ray's own is 30."""


def engine_environment(folder: Path, free_ports: tuple[int, int], own_ports: tuple[int, int]) -> dict[str, str]:
    """Variables to set before `ray` is imported; pure.

    folder: private to this host, for HAProxy's configuration and sockets and for metrics. Its path is short, for sockets.
    free_ports: for HAProxy's metrics and statistics, whose fixed defaults two hosts on one machine would share.
    own_ports: first and last of those where replicas listen, and the proxy that requests go to while no replica is up. With a port that
    two hosts share, one host's ingress would reach the other's replicas.
    """
    haproxy = folder / "haproxy"
    metrics_port, stats_port = free_ports
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(folder / "haproxy-launcher"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics_port),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats_port),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "30",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(own_ports[0]),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(own_ports[0] + 1),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(own_ports[0] + 2),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(own_ports[1]),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(DRAIN_SECONDS),
        "RAY_USAGE_STATS_ENABLED": "0",
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
