"""Which endpoint a path names, and which method it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote


class Endpoint(Enum):
    """What can be asked. The value is its HTTP method."""

    LIVE = ("GET", "live")
    READY = ("GET", "ready")
    SERVER = ("GET", "server")
    METRICS = ("GET", "metrics")
    MODEL = ("GET", "model")
    MODEL_READY = ("GET", "modelReady")
    INFER = ("POST", "infer")

    @property
    def method(self) -> str:
        """The only method that it takes."""
        return self.value[0]

    @property
    def needs_key(self) -> bool:
        """Whether callers have to name themselves; what they are answered is then metered."""
        return self in (Endpoint.MODEL, Endpoint.INFER)


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint, of one model where `model` is set."""

    endpoint: Endpoint
    model: str | None = None
    version: str | None = None


_FIXED = {
    "/v2": Route(Endpoint.SERVER),
    "/v2/": Route(Endpoint.SERVER),
    "/v2/health/live": Route(Endpoint.LIVE),
    "/v2/health/ready": Route(Endpoint.READY),
    "/metrics": Route(Endpoint.METRICS),
}
_MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(?:/(ready|infer))?/?")
_BY_SUFFIX = {None: Endpoint.MODEL, "ready": Endpoint.MODEL_READY, "infer": Endpoint.INFER}


@lru_cache(maxsize=256)
def route_of(path: str) -> Route | None:
    """The endpoint of `path` below the service's prefix; None if there is none."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    match = _MODEL.fullmatch(path)
    if match is None:
        return None
    model, version, suffix = match.groups()
    return Route(_BY_SUFFIX[suffix], unquote(model), None if version is None else unquote(version))
