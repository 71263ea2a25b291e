"""Becomes HAProxy, with three things mended that Ray Serve leaves open. Runs without site packages, in Ray's place of the binary.

Ray kills HAProxy when it stops, but cannot when it is itself killed, and the port would stay taken: here the kernel does it.
Ray has HAProxy's metrics and statistics listen on every interface: here only on the loopback.
Ray has HAProxy answer a path of no service in plain text: here as the services answer, in JSON.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def on_loopback(configuration: str, ports: set[str]) -> str:
    """The configuration with every listener of `ports` that has no address bound to 127.0.0.1; pure."""

    def bind(match: re.Match[str]) -> str:
        return f"{match[1]}127.0.0.1:{match[2]}" if match[2] in ports else match[0]

    return re.sub(r"^(\s*bind\s+)\*?:(\d+)", bind, configuration, flags=re.MULTILINE)


def not_found_in_json(configuration: str) -> str:
    """The configuration with the answer to a path that no service has as `{"error": "..."}`; pure."""
    answer = """content-type application/json lf-string '{"error": "path: no service answers here (got %[path,json(utf8s)])"}'"""
    return re.sub(r'(?<=return status 404 )content-type text/plain lf-string "Path [^"]*"', lambda _: answer, configuration)


def become(command: list[str]) -> None:
    """Mend the configuration and become HAProxy. command: `BINARY ... -f CONFIGURATION ...`"""
    configuration = Path(command[command.index("-f") + 1])
    ports = {os.environ[f"RAY_SERVE_HAPROXY_{name}_PORT"] for name in ("METRICS", "STATS")}
    configuration.write_text(not_found_in_json(on_loopback(configuration.read_text(), ports)))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.execv(command[0], command)  # noqa: S606 (that is the point)


if __name__ == "__main__":
    become(sys.argv[1:])
