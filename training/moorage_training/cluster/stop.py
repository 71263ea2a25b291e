"""`python -m moorage_training.cluster.stop RUN.json [SECONDS]`: what the pods of a run do before they are stopped (their preStop hook).

On the head: ask the run to stop and wait until it has, its checkpoint saved and its last report sent. Without it Ray, which is asked
at the same time, would take the run along. On any other pod: wait until the run says that it has ended or has let go of its folder, for
a worker that went first would be a lost worker. Always ends well: whatever is wrong here, the pod has to go.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from moorage_api.run_config import RunConfig
from moorage_training.report.reporter import read_report
from moorage_training.run_lock import LOCK

PATIENCE_SECONDS = 100.0
"""Longer than a run takes to stop (30) and to send its last report where the API server is out (60)."""
POLL_SECONDS = 0.1
ENTRYPOINT = b"moorage_training.cluster"


def main(arguments: list[str]) -> int:
    """0, whatever happened."""
    deadline = time.monotonic() + (float(arguments[1]) if len(arguments) > 1 else PATIENCE_SECONDS)
    with contextlib.suppress(Exception):
        drivers = drivers_here()
        for pid in drivers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        folder = Path(RunConfig.model_validate_json(Path(arguments[0]).read_bytes()).folder)
        while time.monotonic() < deadline and (drivers_here() if drivers else not _ended(folder)):
            time.sleep(POLL_SECONDS)
    return 0


def drivers_here() -> list[int]:
    """The processes of this machine that are `python … -m moorage_training.cluster …`, whoever started them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if ENTRYPOINT in words and words[words.index(ENTRYPOINT) - 1] == b"-m":
                    found.append(int(entry.name))
    return found


def _ended(folder: Path) -> bool:
    report = read_report(folder)
    return report is None or report.phase in ("Succeeded", "Failed") or not _is_held(folder / LOCK)


def _is_held(lock: Path) -> bool:
    """Whether a run holds its folder; one that was killed says nothing more in its report."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
