"""Uninstalling refuses while pods wait for the operator; forced, it lets go whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from copy import deepcopy

import pytest
from unit.operator.metering.pods import Body, at, ended, pod, running, us, waiting

from moorage_operator import names, release_pods
from moorage_operator.kube.errors import Conflict, NotFound, Rejected
from moorage_operator.kube.kinds import Kind
from moorage_operator.plan import ObjectRef
from moorage_operator.release_pods import Outcome


class FakeCluster:
    """conflicts: how often a write is refused because the pod has changed."""

    def __init__(self, *pods: Body, conflicts: int = 0) -> None:
        self.pods = {body["metadata"]["name"]: deepcopy(body) for body in pods}
        self.conflicts = conflicts
        self.asked: list[str | None] = []

    async def list_all(self, kind: Kind, namespace: str | None = None) -> list[Body]:
        assert (kind.kind, kind.selector) == ("Pod", names.CHILD_SELECTOR)
        self.asked.append(namespace)
        return [deepcopy(body) for body in self.pods.values()]

    async def set_finalizers(self, ref: ObjectRef, finalizers: tuple[str, ...], resource_version: str) -> Body:
        if ref.name not in self.pods:
            raise NotFound(f"finalizers of {ref}", 404, "NotFound", "gone")
        metadata = self.pods[ref.name]["metadata"]
        if self.conflicts:
            self.conflicts -= 1
            metadata["resourceVersion"] += "1"
        if metadata["resourceVersion"] != resource_version:
            raise Conflict(f"finalizers of {ref}", 409, "Conflict", "changed")
        metadata["finalizers"] = list(finalizers)
        return self.pods[ref.name]


def run(cluster: FakeCluster, *, force: bool = False, namespaces: tuple[str, ...] = ()) -> Outcome:
    return asyncio.run(release_pods.release_pods(cluster, namespaces, force, us(100)))


def test_nothing_waits() -> None:
    assert run(FakeCluster()).exit_code == 0
    assert run(FakeCluster(pod(ended("ray", 0, 10), phase="Succeeded", finalizers=()))).exit_code == 0


def test_what_waits_is_counted_in_one_line_that_says_what_to_do() -> None:
    service = {names.KIND: "ModelService", names.UID: "s1"}
    cluster = FakeCluster(
        pod(running("ray", 0)), pod(running("ray", 0), uid="p2"), pod(running("ray", 0), uid="p3", labels=service, finalizers=())
    )
    outcome = run(cluster)
    assert outcome.exit_code == 1
    assert len(outcome.lines) == 1
    assert outcome.lines[0].startswith("1 TrainingJob and 1 ModelService still run, in 3 pods: delete them")
    assert "--force" in outcome.lines[0]
    assert cluster.pods["digits-p1"]["metadata"]["finalizers"] == [names.METERING_FINALIZER]


def test_force_lets_go_and_says_what_is_not_billed() -> None:
    cluster = FakeCluster(
        pod(running("ray", 0), finalizers=("a/b", names.METERING_FINALIZER)),
        pod(ended("ray", 0, 10), uid="p2", phase="Failed"),
        pod(waiting("ray"), uid="p3"),
        pod(running("ray", 0), uid="p4", finalizers=()),
        conflicts=2,
    )
    outcome = run(cluster, force=True)
    assert outcome == Outcome(
        0,
        (
            f"Pod team-a/digits-p1 of TrainingJob digits, tenant acme: 2 cores, 0 GPUs since {at(0)}, still runs",
            f"Pod team-a/digits-p2 of TrainingJob digits, tenant acme: 2 cores, 0 GPUs since {at(0)}, ended {at(10)}",
            "Pod team-a/digits-p3 of TrainingJob digits, tenant acme: it never started",
            "3 pods let go: what the ledger lacks of their time is not billed",
        ),
    )
    assert [body["metadata"]["finalizers"] for body in cluster.pods.values()] == [["a/b"], [], [], []]


def test_a_pod_that_goes_meanwhile_is_no_error_and_one_that_never_holds_still_is() -> None:
    class Going(FakeCluster):
        async def set_finalizers(self, ref: ObjectRef, finalizers: tuple[str, ...], resource_version: str) -> Body:
            self.pods.clear()
            return await super().set_finalizers(ref, finalizers, resource_version)

    assert run(Going(pod(running("ray", 0))), force=True).lines == ("0 pods let go: what the ledger lacks of their time is not billed",)
    with pytest.raises(Conflict):
        run(FakeCluster(pod(running("ray", 0)), conflicts=100), force=True)


def test_namespaces_are_looked_at_one_by_one() -> None:
    cluster = FakeCluster()
    run(cluster, namespaces=("team-a", "team-b"))
    run(cluster)
    assert cluster.asked == ["team-a", "team-b", None]


def test_the_command_says_what_the_api_server_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def refused(_namespaces: object, _force: bool) -> Outcome:
        raise Rejected("list pods", 403, "Forbidden", "pods is forbidden")

    monkeypatch.setattr(release_pods, "_connected", refused)
    assert release_pods.main([]) == 1
    assert "pods is forbidden" in capsys.readouterr().err

    async def waits(namespaces: object, force: bool) -> Outcome:
        assert (namespaces, force) == (["team-a"], True)
        return Outcome(0, ("done",))

    monkeypatch.setattr(release_pods, "_connected", waits)
    assert release_pods.main(["--force", "--namespace", "team-a"]) == 0
    assert capsys.readouterr().out == "done\n"
