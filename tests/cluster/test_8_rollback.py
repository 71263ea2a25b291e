"""A revision that does not get healthy is given up for the one that is, which answers all the time."""

from __future__ import annotations

from pathlib import Path

from cluster.client_pod import ClientPod
from cluster.eventually import eventually
from cluster.kubectl import Kubectl, condition
from cluster.waiting import ray_clusters

NAME = "digits"
CALLS = 5


def test_a_revision_without_room_is_given_up(kubectl: Kubectl, client: ClientPod, buoy_key: str) -> None:
    """test_5_rollout_under_load asked for a GPU, which no node has."""

    def progressing() -> dict[str, str]:
        return condition(kubectl.get("modelservice", NAME), "Progressing")

    service = kubectl.get("modelservice", NAME)
    assert service is not None, "test_5_rollout_under_load begins this"
    healthy = service["status"]["revision"]
    eventually(lambda: progressing().get("reason") == "RolloutFailed", 400, "it is given up")
    said = progressing()["message"]
    assert f"revision {healthy + 1} was given up for revision {healthy}: not healthy within 240 s" in said
    assert "nodes are available" in said, said
    after = kubectl.get("modelservice", NAME)
    assert condition(after, "Ready")["status"] == "True"
    assert after["status"]["revision"] == healthy
    eventually(lambda: len(ray_clusters(kubectl, "default")) == 1, 120, "the failed revision's Ray cluster is gone")
    arguments = (after["status"]["url"], NAME, buoy_key, str(CALLS))
    assert client.run(Path(__file__).with_name("calls_in_pod.py"), *arguments)["answers"] == CALLS
