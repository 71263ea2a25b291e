"""The fixtures of the cluster tier, for tests that break things."""

from cluster.conftest import *  # noqa: F403
