"""An open Ray dashboard is remote code execution: on this cluster NetworkPolicies are enforced, so that this can be seen."""

from __future__ import annotations

from cluster.client_pod import ClientPod
from cluster.kubectl import Kubectl


def test_only_the_service_is_reached_from_other_pods(kubectl: Kubectl, client: ClientPod, digits: None) -> None:
    assert client.reaches("digits.default.svc", 8000)
    for pod in kubectl.list("pods", "default", "moorage.dev/name=digits,moorage.dev/kind=ModelService"):
        address = pod["status"]["podIP"]
        for port in (6379, 8265, 10001, 52365):
            assert not client.reaches(address, port), f"{pod['metadata']['name']} {port}"


def test_the_ledger_is_not_reached_from_any_pod(client: ClientPod) -> None:
    assert not client.reaches("moorage-ledger.moorage.svc", 8080)
