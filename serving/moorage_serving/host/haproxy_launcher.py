"""Becomes HAProxy, after asking the kernel to kill it when its parent dies.

Ray kills HAProxy when it stops, but cannot when it is itself killed; the port would stay taken. Runs without site packages.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """`python haproxy_launcher.py BINARY ARGUMENTS...`"""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 (that is the point)


if __name__ == "__main__":
    main()
