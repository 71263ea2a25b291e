"""What was deleted and has some minutes to go: waited for beside the next tests, for nobody works meanwhile."""

from __future__ import annotations

import subprocess

from cluster.kubectl import Kubectl


class Departures:
    """Each departure has a `kubectl wait` of its own, begun when the deletion was asked for."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._waits: dict[str, subprocess.Popen[str]] = {}

    def expect(self, what: str, *objects: str, seconds: int) -> None:
        """From now on `objects` (arguments of `kubectl wait`) have so long to go."""
        self._waits[what] = self._kubectl.begin("wait", "--for=delete", *objects, f"--timeout={seconds}s")

    def of(self, what: str) -> str:
        """Empty once it went in time; else what kubectl complains of."""
        assert what in self._waits, f"no test before this one deleted {what}"
        _, complaint = self._waits[what].communicate()
        return complaint if self._waits[what].returncode else ""

    def close(self) -> None:
        """End what nobody asked for."""
        for wait in self._waits.values():
            if wait.poll() is None:
                wait.terminate()
            if wait.stderr is not None and not wait.stderr.closed:
                wait.communicate()
