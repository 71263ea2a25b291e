"""Ends whatever a host leaves behind, also when the host is killed: Ray's own agents outlive a killed Ray by a minute.

A process of its own, which waits for the end of its standard input, that is for the host's end. Everything that the host's
Ray starts inherits one variable whose value is the host's alone; by that it is known. Runs without site packages.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 3.0
"""How long Ray has to end by itself."""
GIVE_UP_SECONDS = 10.0


def marked(mark: bytes) -> list[int]:
    """The processes of this user whose environment holds `mark` (`NAME=value`), this one excluded."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def main() -> None:
    """`python reaper.py NAME=value FOLDER`: once standard input ends, kill what is marked and remove the folder."""
    mark, folder = sys.argv[1].encode(), sys.argv[2]
    sys.stdin.buffer.read()
    start = time.monotonic()
    while (left := marked(mark)) and (waited := time.monotonic() - start) < GRACE_SECONDS + GIVE_UP_SECONDS:
        if waited >= GRACE_SECONDS:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    # Ctrl-C in the host's terminal reaches this process as well, whose work begins when the host ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
