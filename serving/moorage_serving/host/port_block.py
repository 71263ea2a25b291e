"""Ports of this machine that are one host's alone: its replicas and its proxy listen there, and its ingress must never reach another's."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

from moorage_api.errors import Problem, Unavailable

FIRST, LAST, SIZE = 20_000, 32_000, 200
"""Above the ports of Ray's workers, below those that Linux gives to outgoing connections."""


@dataclass(frozen=True)
class PortBlock:
    """The block is this process's for as long as it holds `guard`, a socket bound to the port before `first`."""

    first: int
    last: int
    guard: socket.socket

    def release(self) -> None:
        """Let others have it."""
        self.guard.close()


def claim_block() -> PortBlock:
    """Claim any free block. Raises Unavailable if all are taken."""
    starts = list(range(FIRST, LAST, SIZE))
    random.shuffle(starts)  # a killed host's replicas live a little longer than its claim
    for start in starts:
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", start))
        except OSError:
            guard.close()
            continue
        return PortBlock(start + 1, start + SIZE - 1, guard)
    raise Unavailable(Problem("every block of ports is taken", "serving", "ports", f"{FIRST}-{LAST}", "stop another host on this machine"))
