"""What goes wrong around the operator: watches that fall silent, work that stands still, a ledger that is away, deletions in mid-run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from apiserver.api import ref_of
from apiserver.billed import account_of, billed_cpu_seconds
from apiserver.control_plane import ControlPlane
from apiserver.eventually import eventually
from apiserver.killable_operator import Trigger
from apiserver.ledger_process import LedgerProcess
from apiserver.operator_process import KillableOperator, Place, health
from apiserver.resources import is_true, stored
from apiserver.tcp_proxy import TcpProxy
from apiserver.team import Team
from apiserver.world import driver
from apiserver.world.world import World

from moorage_api.base import API_VERSION
from moorage_operator import names
from moorage_operator.plan import ObjectRef

pytestmark = pytest.mark.timeout(900)

RECOVERED_SECONDS = 75.0
"""The API server sends a bookmark a minute; what is silent for longer is dead."""


@dataclass
class Silence:
    """An operator whose connections fell silent at `since`, unnoticed as yet."""

    team: Team
    operator: KillableOperator
    proxy: TcpProxy
    connections_before: int
    since: float


@pytest.fixture(scope="module")
def silence(place: Place, world: World, control_plane: ControlPlane, new_team: Callable[[str], Team]) -> Iterator[Silence]:
    """Begun with the module, for it takes a minute to be noticed; a job is applied in the silence."""
    team = new_team("silence")
    with TcpProxy(int(control_plane.server.rsplit(":", 1)[1])) as proxy:
        token = control_plane.account_token("moorage", "moorage-operator")
        kubeconfig = control_plane.write_kubeconfig("silenced", token, f"https://127.0.0.1:{proxy.port}")
        operator = KillableOperator(place, [team.namespace], kubeconfig=kubeconfig)
        team.job("before")
        eventually(lambda: is_true(team.api, "TrainingJob", "before", "Succeeded", team.namespace), 60)
        connections = proxy.silence()
        team.job("meanwhile")
        yield Silence(team, operator, proxy, connections, time.monotonic())
        operator.kill()


def test_a_deleted_job_is_billed_and_charged_before_it_goes(
    silence: Silence, team: Team, start: Callable[..., KillableOperator], world: World, ledger: LedgerProcess
) -> None:
    """It is deleted while no operator runs: its pods, and it itself, wait for the next one."""
    world.scenarios[team.namespace, "digits"] = driver.Scenario(hold_in="Training")
    first = start(team)
    uid = team.private_job()["metadata"]["uid"]
    eventually(team.is_running, 60)
    first.kill()

    team.api.delete(ObjectRef(API_VERSION, "TrainingJob", "digits", team.namespace))
    team.api.delete(ObjectRef("ray.io/v1", "RayJob", "digits", team.namespace))
    eventually(lambda: all(world.lifetimes[pod["metadata"]["uid"]].ended for pod in team.pods(uid)), 30, "the pods' containers end")
    waiting = team.pods(uid)
    assert len(waiting) == 2
    assert all(pod["metadata"]["finalizers"] == [names.METERING_FINALIZER] for pod in waiting)
    assert stored(team.api, "TrainingJob", "digits", team.namespace)["metadata"]["finalizers"] == [names.PRIVACY_FINALIZER]

    start(team)
    eventually(lambda: stored(team.api, "TrainingJob", "digits", team.namespace) is None and not team.pods(uid), 30)
    assert billed_cpu_seconds(ledger, uid) == {pod.uid: pod.cpu_seconds for pod in world.pods_of(uid)}
    assert [(job.state, job.mechanism.steps) for job in account_of(ledger, team.namespace).jobs] == [("ChargedWhole", driver.STEPS)]
    eventually(lambda: stored(team.api, "Dataset", "records", team.namespace)["status"].get("spent", {}).get("jobs") == 1, 20)


def test_a_lost_attempt_is_tried_again_and_every_pod_is_billed(
    silence: Silence, team: Team, start: Callable[..., KillableOperator], world: World, ledger: LedgerProcess
) -> None:
    world.scenarios[team.namespace, "digits"] = driver.Scenario(failing_attempts=(1,))
    start(team)
    uid = team.private_job()["metadata"]["uid"]
    eventually(lambda: is_true(team.api, "TrainingJob", "digits", "Succeeded", team.namespace), 60)
    assert stored(team.api, "TrainingJob", "digits", team.namespace)["status"]["attempts"] == 1
    eventually(lambda: not team.pods(uid), 30)
    assert len(world.pods_of(uid)) == 4, "two attempts of a head and a worker"
    assert billed_cpu_seconds(ledger, uid) == {pod.uid: pod.cpu_seconds for pod in world.pods_of(uid)}
    eventually(lambda: [job.state for job in account_of(ledger, team.namespace).jobs] == ["Committed"], 20)


def test_while_the_ledger_is_away_no_pod_goes_and_nothing_is_lost(
    silence: Silence, team: Team, start: Callable[..., KillableOperator], world: World, ledger: LedgerProcess
) -> None:
    world.scenarios[team.namespace, "digits"] = driver.Scenario(hold_in="Training")
    operator = start(team)
    uid = team.job()["metadata"]["uid"]
    eventually(team.is_running, 60)
    ledger.kill()
    try:
        world.scenarios[team.namespace, "digits"] = driver.Scenario()
        eventually(lambda: [pod for pod in team.pods(uid) if "deletionTimestamp" in pod["metadata"]], 60, "the job is over, its pods end")
        eventually(lambda: all(lifetime.ended for lifetime in world.pods_of(uid)), 20)
        assert len(team.pods(uid)) == 2, "a pod went unbilled"
        assert health(operator.port) == 200, "a restart of the operator brings no ledger back"
    finally:
        ledger.start()
    eventually(lambda: not team.pods(uid), 90, "the pods go once they are billed")
    assert billed_cpu_seconds(ledger, uid) == {pod.uid: pod.cpu_seconds for pod in world.pods_of(uid)}


def test_what_somebody_deletes_or_edits_around_running_work_is_put_right(
    silence: Silence, team: Team, start: Callable[..., KillableOperator], world: World
) -> None:
    """Of a job and a service: none of it is watched, so it is applied again at each slow look at everything."""
    world.scenarios[team.namespace, "digits"] = driver.Scenario(hold_in="Training")
    start(team, driftSeconds=1)
    team.job()
    team.job("open")
    team.apply("ModelService", "open", {"model": {"trainingJob": "open"}, "access": {"tenants": [team.namespace]}})
    eventually(team.is_running, 60)
    eventually(lambda: is_true(team.api, "ModelService", "open", "Ready", team.namespace), 60)

    job, service = names.training_account("digits"), names.serving_account("open")
    rbac = "rbac.authorization.k8s.io/v1"
    policies = team.api.list("networking.k8s.io/v1", "NetworkPolicy", team.namespace, f"{names.KIND}=ModelService")
    deleted = [ObjectRef(rbac, "RoleBinding", job, team.namespace), ObjectRef("v1", "ServiceAccount", service, team.namespace)]
    deleted += [ref_of(one) for one in policies]
    edited = ObjectRef(rbac, "Role", job, team.namespace)

    def content(ref: ObjectRef) -> dict:
        found = team.api.get(ref) or {"metadata": {}}
        return {**found, "metadata": found["metadata"].get("labels")}

    before = {ref: content(ref) for ref in (*deleted, edited)}
    for ref in deleted:
        team.api.delete(ref)
    team.api.patch(edited, {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]})

    assert len(deleted) > 2
    eventually(lambda: {ref: content(ref) for ref in before} == before, 30)


@pytest.mark.parametrize("effect", ["hang", "block"])
def test_liveness_fails_when_reconciling_stands_still(
    silence: Silence, team: Team, start: Callable[..., KillableOperator], effect: str
) -> None:
    """hang: one look never ends. block: nothing does, the web server included, which a probe that times out notices."""
    constants = {"moorage_operator.heartbeat:STUCK_SECONDS": 2.0, "moorage_operator.heartbeat:STALE_SECONDS": 1.0}
    constants["moorage_operator.heartbeat:BEAT_SECONDS"] = 0.2
    operator = start(team, trigger=Trigger("apply RayJob digits", effect=effect), constants=constants)
    assert health(operator.port) == 200
    team.job()
    eventually(lambda: "apply RayJob digits" in operator.writes(), 30)
    eventually(lambda: health(operator.port, timeout_seconds=1.0) in (503, 0), 20, "liveness fails")
    assert health(operator.port, timeout_seconds=1.0) == (503 if effect == "hang" else 0)
    operator.kill()
    start(team)
    eventually(lambda: is_true(team.api, "TrainingJob", "digits", "Succeeded", team.namespace), 60)


def test_an_api_server_that_hangs_is_waited_for(
    silence: Silence, team: Team, start: Callable[..., KillableOperator], control_plane: ControlPlane
) -> None:
    """The operator is not at fault, and a restart would help nothing."""
    operator = start(team)
    api_server = next(daemon for daemon in control_plane.daemons if daemon.name == "kube-apiserver")
    api_server.signal(signal.SIGSTOP)
    try:
        until = time.monotonic() + 5.0
        eventually(lambda: health(operator.port) == 200 and time.monotonic() > until, 10, "the operator stays healthy")
    finally:
        api_server.signal(signal.SIGCONT)
    team.job()
    eventually(lambda: is_true(team.api, "TrainingJob", "digits", "Succeeded", team.namespace), 60)


def test_a_watch_that_falls_silent_is_opened_again(silence: Silence) -> None:
    """Last, for the silence lasts a minute."""
    assert silence.connections_before >= 8, "a watch for each kind goes through the proxy"
    left = RECOVERED_SECONDS - (time.monotonic() - silence.since)
    eventually(
        lambda: is_true(silence.team.api, "TrainingJob", "meanwhile", "Accepted", silence.team.namespace), max(left, 1.0), promised=True
    )
    eventually(lambda: is_true(silence.team.api, "TrainingJob", "meanwhile", "Succeeded", silence.team.namespace), 30)
    assert silence.operator.process.is_alive()
