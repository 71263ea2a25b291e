"""What the ingress has still to answer, seen from outside: Ray Serve starts one HAProxy beside the other at each change of routes."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from pathlib import Path

from moorage_serving.processes_here import haproxies

LET_GO_SECONDS = 10.0
"""How long HAProxy may take to hear that services are gone, on a machine that has much else to do."""
LAST_ANSWERS_SECONDS = 3.0
"""How long an outgoing HAProxy is waited for. It tries a request anew after one second; callers that are idle keep it longer."""
_POLL_SECONDS = 0.05
_PROBE_SECONDS = 2.0


def wait_until_answered(urls: list[str], folder: Path) -> None:
    """Return once HAProxy has let go of removed services and answered the requests that it took for them, or some seconds have passed.

    urls: of the removed services. folder: where HAProxy's configurations lie, by which its processes are known.
    """
    deadline = time.monotonic() + LET_GO_SECONDS
    while any(_routed(f"{url}/v2/health/ready") for url in urls) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    deadline = time.monotonic() + LAST_ANSWERS_SECONDS
    while len(haproxies(folder)) > 1 and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _routed(url: str) -> bool:
    """Whether the ingress still has a route for `url`; one that does not answer at all has none."""
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_SECONDS):  # noqa: S310 (our own address)
            return True
    except urllib.error.HTTPError as error:
        return error.code != 404
    except (urllib.error.URLError, OSError):
        return False
