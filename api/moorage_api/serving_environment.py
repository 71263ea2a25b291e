"""The environment that Ray Serve reads when it is imported, in every Ray container of a ModelService and on one machine alike. Pure.

HAProxy is the ingress, and Ray starts it through Moorage's launcher. What Ray writes beside it goes into one folder.
"""

from __future__ import annotations

METRICS_FOLDER_VARIABLE = "MOORAGE_METRICS_FOLDER"
"""Where the replicas of one pod or machine keep their metrics; each service has a folder of its own below."""
HAPROXY_CONFIG_VARIABLE = "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"
"""HAProxy's configuration; also the mark by which this Ray's HAProxy processes are known from others."""
LAUNCHER_VARIABLE = "RAY_SERVE_HAPROXY_BINARY_PATH"
POD_LAUNCHER = "/usr/local/bin/moorage-haproxy"
"""In the runtime image: an executable that runs `python -m moorage_serving.cluster.haproxy "$@"`."""
POD_FOLDER = "/run/moorage"
"""The pod's own disk, which all its containers share."""
POD_METRICS_FOLDER = f"{POD_FOLDER}/metrics"
POD_METRICS_PORT, POD_STATS_PORT = 9101, 8404
"""HAProxy's own; on the loopback only."""
POD_DRAIN_SECONDS = 5.0
"""How long a replica that is to go stays reachable. The HAProxy of every pod has to hear of it first; Ray's own is 30."""


def haproxy_environment(folder: str, launcher: str, metrics_port: int, stats_port: int, drain_seconds: float) -> dict[str, str]:
    """folder: HAProxy's own, for its configuration and sockets; its path is short, for sockets."""
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        LAUNCHER_VARIABLE: launcher,
        HAPROXY_CONFIG_VARIABLE: f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": folder,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics_port),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats_port),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "30",
        "RAY_SERVE_HAPROXY_OBSERVE_ERROR_LIMIT": "1",  # who refused once refuses again, each time a second later: try elsewhere
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # with 5 it kills an ingress that takes 15 s to start, and starts another, for ever
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(drain_seconds),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def pod_environment() -> dict[str, str]:
    """Of every Ray container of a RayService, head and workers."""
    haproxy = haproxy_environment(f"{POD_FOLDER}/haproxy", POD_LAUNCHER, POD_METRICS_PORT, POD_STATS_PORT, POD_DRAIN_SECONDS)
    return {**haproxy, METRICS_FOLDER_VARIABLE: POD_METRICS_FOLDER}
