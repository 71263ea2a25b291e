"""A process beside the tests that ends with them, however they end."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
"""Loaded once, for nothing may be loaded between fork and exec."""


class Daemon:
    """A running program. Start it from a thread that lives as long as it shall: the kernel watches that thread's end."""

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, environment: dict[str, str] | None = None, stdin: int | None = None
    ):
        self.name, self.log = name, log
        parent = os.getpid()

        def end_with_parent() -> None:
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
                preexec_fn=end_with_parent,
            )

    def assert_running(self) -> bool:
        """True; fails with the end of the log if it has ended. Ends a wait at once, for it is no AssertionError."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}; the end of its log:\n{self.last_words()}")
        return True

    def last_words(self, characters: int = 4000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-characters:]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def stop(self, patience_seconds: float = 10.0) -> int:
        """Ask it to end, then kill its group; returns the exit code."""
        self.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience_seconds)
        return self.kill()

    def kill(self) -> int:
        """End its whole group at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
