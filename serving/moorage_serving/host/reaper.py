"""Ends whatever a host leaves behind, also when the host is killed: Ray's own agents outlive a killed Ray by a minute.

A process of its own, which waits for the end of its standard input, that is for the host's end. What belongs to the host is known
in two ways, as neither sees everything: by descent, looked at while the host lives, and by one variable whose value is the host's
alone and which everything that its Ray starts inherits (processes that change their title lose it). Runs without site packages.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 3.0
"""How long Ray has to end by itself."""
GIVE_UP_SECONDS = 10.0
LOOK_SECONDS = 1.0
Process = tuple[int, str]
"""A pid and when it started, in clock ticks since boot: pids are used again."""


def running() -> dict[Process, int]:
    """Every process but this one that is no zombie, and its parent."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                state, parent, *rest = (entry / "stat").read_text().rpartition(")")[2].split()
                if state != "Z":
                    found[int(entry.name), rest[17]] = int(parent)
    return found


def below(root: int, parents: dict[Process, int]) -> set[Process]:
    """The descendants of `root`; pure."""
    found: set[Process] = set()
    while new := {process for process, parent in parents.items() if parent in {root, *(pid for pid, _ in found)}} - found:
        found |= new
    return found


def marked(mark: bytes, processes: dict[Process, int]) -> set[Process]:
    """Those of this user whose environment holds `mark` (`NAME=value`)."""
    found = set()
    for process in processes:
        with suppress(OSError):
            if mark in Path(f"/proc/{process[0]}/environ").read_bytes().split(b"\0"):
                found.add(process)
    return found


def main() -> None:
    """`python reaper.py NAME=value FOLDER`: once standard input ends, kill what belongs to the parent and remove the folder."""
    mark, folder, host = sys.argv[1].encode(), sys.argv[2], os.getppid()
    known: set[Process] = set()
    while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        parents = running()
        known = (known & parents.keys()) | below(host, parents)
    start = time.monotonic()
    while (waited := time.monotonic() - start) < GRACE_SECONDS + GIVE_UP_SECONDS:
        left = running()
        mine = (known & left.keys()) | marked(mark, left)
        if not mine:
            break
        if waited >= GRACE_SECONDS:
            for pid, _ in mine:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    # Ctrl-C in the host's terminal reaches this process as well, whose work begins when the host ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
