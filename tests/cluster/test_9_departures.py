"""What earlier tests deleted while it ran has gone, in its time."""

from __future__ import annotations

from cluster.departures import Departures
from cluster.kubectl import Kubectl


def test_a_namespace_with_a_running_job_went_away(kubectl: Kubectl, departures: Departures) -> None:
    assert departures.of("the namespace") == ""
    assert kubectl.list("pods", "a-namespace-with-a-running-job") == []


def test_pods_of_a_node_that_was_lost_went_away(kubectl: Kubectl, departures: Departures) -> None:
    """Nobody stops the pods of a node that is gone, and the operator does not keep them."""
    assert departures.of("the lost node's pods") == ""
    assert kubectl.list("pods", "default", "moorage.dev/name=crowded") == []
