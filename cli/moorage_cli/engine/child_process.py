"""A process of the engine's own: in a session of its own, its output in a log, and never left behind.

Where the kernel can (Linux), the child is told to end when the engine dies, even by `kill -9`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from moorage_cli.durable_file import private_folder

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded once, for nothing may be loaded between fork and exec."""


@dataclass
class Child:
    """A running or ended process."""

    process: subprocess.Popen[bytes]
    asked: bool = False
    """Whether it was asked to end; a second signal would have it drop what it still has to save."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Ask it to end, once, without waiting."""
        if self.alive and not self.asked:
            self.asked = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self, patience_seconds: float) -> None:
        """Ask it to end, wait at most `patience_seconds`, then kill its whole group."""
        if self.alive:
            self.ask_to_stop()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_seconds)
        kill_group(self.pid)
        self.process.wait()


def spawn(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> Child:
    """Start `command`; must be called from the main thread, whose end is what the kernel watches."""
    private_folder(log.parent)
    parent = os.getpid()
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: _end_with(parent),
        )
    return Child(process)


def adopt_orphans() -> None:
    """Have grandchildren whose parent died become this process's children, so that `end_descendants` finds them."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants(patience_seconds: float, spared: Collection[int] = ()) -> list[int]:
    """End the processes below this one; returns the ids of those that had to be ended. Linux; elsewhere nothing is found.

    spared: those that were here before the engine, and are left alone with all below them.
    """
    found = descendants(os.getpid(), spared)
    for pid in found:
        _send(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    while descendants(os.getpid(), spared) and time.monotonic() < deadline:
        _reap()
        time.sleep(0.05)
    for pid in descendants(os.getpid(), spared):
        _send(pid, signal.SIGKILL)
    _reap()
    return found


def descendants(root: int, spared: Collection[int] = ()) -> list[int]:
    """The ids of all live processes below `root`, parents first, but of none that is `spared` or below one of those."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat") if sys.platform == "linux" else ():
        try:
            state, parent = entry.read_text().rsplit(")", 1)[1].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry.parent.name))
    found, queue = [], [root]
    while queue:
        below = [pid for pid in children.get(queue.pop(), []) if pid not in spared]
        found += below
        queue += below
    return found


def start_time(pid: int) -> str | None:
    """The kernel's start time of a process: with its id, its identity. None if it is gone (or not Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def end_leftover(pid: int | None, started: str | None) -> bool:
    """Kill the group of a process that an engine before this one left behind; never one that merely has its id."""
    if pid is None or started is None or start_time(pid) != started:
        return False
    kill_group(pid)
    return True


def kill_group(leader: int) -> None:
    """Kill what is left of the process group that `leader` leads."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _end_with(parent: int) -> None:
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _reap() -> None:
    """Collect adopted children that have ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
