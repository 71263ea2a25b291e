"""One control plane for the session, with the CRDs of Moorage and KubeRay; a namespace of its own for each test."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from apiserver.api import Api
from apiserver.chart import NAMESPACE, OPERATOR, Helm
from apiserver.control_plane import ControlPlane
from apiserver.definitions import MOORAGE_CRDS, apply_definitions
from apiserver.eventually import eventually
from apiserver.ledger_process import LedgerProcess
from apiserver.operator_process import KillableOperator, Place, health
from apiserver.programs import Missing, kuberay_crds
from apiserver.resources import remove_everything
from apiserver.team import Team
from apiserver.world.world import World

from moorage_api.base import API_VERSION
from moorage_operator.plan import ObjectRef


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver with Moorage's CRDs."""
    try:
        plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    except Missing as missing:
        pytest.skip(str(missing))
    try:
        apply_definitions(plane.admin, MOORAGE_CRDS)
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Api:
    """The API as the admin."""
    return control_plane.admin


@pytest.fixture(scope="session")
def kuberay(control_plane: ControlPlane) -> None:
    """KubeRay's CRDs are served."""
    try:
        apply_definitions(control_plane.admin, kuberay_crds())
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def controllers(control_plane: ControlPlane) -> None:
    """What is orphaned is collected, deleted namespaces go, and each namespace gets its default ServiceAccount."""
    try:
        control_plane.start_controllers()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def chart(control_plane: ControlPlane, kuberay: None) -> None:
    """The chart's accounts and their rights; the CRDs are there already, and its pods stay pending."""
    Helm(control_plane).install(values={"crds": {"install": False}})


@pytest.fixture(scope="session")
def ledger(control_plane: ControlPlane, chart: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A ledger's service."""
    process = LedgerProcess(control_plane, tmp_path_factory.mktemp("ledger"))
    yield process
    process.kill()


@pytest.fixture(scope="session")
def place(control_plane: ControlPlane, ledger: LedgerProcess, controllers: None, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Where operators run, with the rights of the chart's ServiceAccount and no others."""
    kubeconfig = control_plane.write_kubeconfig("operator", control_plane.account_token(NAMESPACE, OPERATOR))
    return Place(tmp_path_factory.mktemp("operators"), kubeconfig, ledger.url, ledger.operator_token)


@pytest.fixture(scope="module")
def world(api: Api, kuberay: None) -> Iterator[World]:
    """Plays KubeRay, the kubelet and the jobs; a part of it that failed fails the tests of the module."""
    with World(api) as playing:
        yield playing
    assert playing.troubles == []


@pytest.fixture(scope="module")
def new_team(api: Api, new_namespace: Callable[[str], str], controllers: None) -> Callable[[str], Team]:
    """Makes teams. Their plan is free."""
    api.apply({"apiVersion": API_VERSION, "kind": "PricePlan", "metadata": {"name": "teams"}, "spec": {"currency": "USD", "free": True}})

    def make(words: str) -> Team:
        namespace = new_namespace(words)
        tenant = {"namespaces": [namespace], "plan": "teams"}
        api.apply({"apiVersion": API_VERSION, "kind": "Tenant", "metadata": {"name": namespace}, "spec": tenant})
        eventually(lambda: api.get(ObjectRef("v1", "ServiceAccount", "default", namespace)), 20, "the default ServiceAccount")
        return Team(namespace, api)

    return make


@pytest.fixture
def team(new_team: Callable[[str], Team], request: pytest.FixtureRequest) -> Team:
    """The team of this test."""
    return new_team(request.node.name)


@pytest.fixture
def start(place: Place, world: World) -> Iterator[Callable[..., KillableOperator]]:
    """Starts operators that are gone after the test."""
    running: list[KillableOperator] = []

    def begin(*teams: Team, **more: object) -> KillableOperator:
        running.append(KillableOperator(place, [team.namespace for team in teams], **more))
        eventually(lambda: running[-1].assert_running() and health(running[-1].port, "readyz") == 200, 30)
        return running[-1]

    yield begin
    for operator in running:
        operator.kill()


@pytest.fixture(scope="module", autouse=True)
def _nothing_stays(control_plane: ControlPlane) -> Iterator[None]:
    """No module finds another's resources: Tenants and PricePlans belong to the whole cluster, and an operator may look at all of it."""
    yield
    remove_everything(control_plane.admin)


@pytest.fixture
def namespace(api: Api, request: pytest.FixtureRequest, new_namespace: Callable[[str], str]) -> str:
    """A namespace of this test alone."""
    return new_namespace(request.node.name)


@pytest.fixture(scope="session")
def new_namespace(api: Api) -> Callable[[str], str]:
    """Makes namespaces, named for what they are for."""

    def make(words: str) -> str:
        stem = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40].rstrip("-")
        name = f"{stem}-{secrets.token_hex(3)}"
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    return make


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Callable[..., str]:
    """Runs kubectl as the admin."""
    return control_plane.kubectl


os.environ.pop("KUBECONFIG", None)
"""These tests make, break and delete: never on a cluster that somebody happened to be working with."""
