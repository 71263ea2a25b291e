"""Operators beside the API server: the shipped command, or the killable one that starts at once."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from apiserver.daemon import Daemon, free_port
from apiserver.eventually import eventually
from apiserver.killable_operator import PRELOAD, Start, Trigger, run_operator

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(PRELOAD)


@dataclass
class Place:
    """Where operators run: what they are told, and who they are."""

    folder: Path
    kubeconfig: Path
    ledger_url: str
    ledger_token: Path

    def settings(self, namespaces: Sequence[str], port: int, **changes: Any) -> Path:
        """A settings file."""
        content = {
            "namespace": "moorage",
            "watchNamespaces": list(namespaces),
            "ledger": {"url": self.ledger_url},
            "images": {"runtime": "registry.example/moorage-runtime:1"},
            "storage": {"size": "1Gi"},
            "podMonitors": False,
            "meteringSeconds": 1,
            "httpPort": port,
            **changes,
        }
        path = self.folder / f"operator-{port}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path


class ShippedOperator:
    """`python -m moorage_operator`."""

    def __init__(self, place: Place, namespaces: Sequence[str] = (), **settings: Any) -> None:
        self.port = free_port()
        file = place.settings(namespaces, self.port, **settings)
        environment = {"KUBECONFIG": str(place.kubeconfig), "MOORAGE_LEDGER_TOKEN_FILE": str(place.ledger_token)}
        command = [sys.executable, "-m", "moorage_operator", "--settings", file]
        self.daemon = Daemon("operator", command, place.folder / f"operator-{self.port}.log", environment)
        eventually(lambda: self.daemon.assert_running() and health(self.port, "readyz") == 200, 60, "the operator is ready")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self.daemon.stop(30)


class KillableOperator:
    """The same, in a process that was forked. `kubeconfig`: another way to the API server."""

    def __init__(
        self, place: Place, namespaces: Sequence[str], trigger: Trigger | None = None, kubeconfig: Path | None = None, **changes: Any
    ) -> None:
        self.port = free_port()
        constants = changes.pop("constants", {})
        self.log, self.writes_file = (place.folder / f"operator-{self.port}.{end}" for end in ("log", "writes"))
        self.log.touch()
        self.writes_file.touch()
        start = Start(
            place.settings(namespaces, self.port, **changes),
            kubeconfig or place.kubeconfig,
            place.ledger_token,
            self.log,
            self.writes_file,
            trigger,
            constants,
        )
        self.process: multiprocessing.process.BaseProcess = _forkserver.Process(target=run_operator, args=(start,), daemon=True)
        self.process.start()

    def writes(self) -> list[str]:
        """The names of all writes that it began."""
        return self.writes_file.read_text().splitlines()

    def wait_until_killed(self, seconds: float) -> bool:
        """Whether it died by SIGKILL in that time. Fails if it ended otherwise."""
        self.process.join(seconds)
        assert self.process.exitcode in (None, -signal.SIGKILL), self.last_words()
        return self.process.exitcode is not None

    def assert_running(self) -> bool:
        """True; raises with the end of its log if it ended."""
        if not self.process.is_alive():
            raise RuntimeError(f"the operator ended with {self.process.exitcode}; the end of its log:\n{self.last_words()}")
        return True

    def last_words(self, characters: int = 4000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-characters:]

    def kill(self) -> None:
        """SIGKILL."""
        if self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    def stop(self) -> int | None:
        """SIGTERM, and SIGKILL if that does not help; the exit code."""
        self.process.terminate()
        self.process.join(20)
        self.kill()
        return self.process.exitcode


def health(port: int, what: str = "healthz", timeout_seconds: float = 2.0) -> int:
    """The HTTP status of a probe; 0 if it does not answer."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/{what}", timeout=timeout_seconds, trust_env=False).status_code
    except httpx.HTTPError:
        return 0
