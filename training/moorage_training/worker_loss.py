"""Workers that die: how their peers notice, and what the run says once too many were lost."""

from __future__ import annotations

from moorage_api.errors import Unavailable


class PeerLost(RuntimeError):
    """Another rank went away during an exchange; Ray Train starts all ranks anew."""


class WorkersLost(Unavailable):
    """More workers were lost than the run may make up for."""
