"""Workers that were lost for good."""

from __future__ import annotations

from moorage_api.errors import Unavailable


class WorkersLost(Unavailable):
    """More workers were lost than the run may make up for."""
