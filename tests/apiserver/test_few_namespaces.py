"""An operator that was given some namespaces, with the chart's Roles in them and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apiserver.chart import NAMESPACE, Helm
from apiserver.control_plane import ControlPlane
from apiserver.eventually import eventually
from apiserver.ledger_process import LedgerProcess
from apiserver.operator_process import KillableOperator, health
from apiserver.resources import is_true, stored
from apiserver.team import Team
from apiserver.world.world import World

pytestmark = pytest.mark.timeout(400)

RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def is_done(team: Team, job: str) -> bool:
    return is_true(team.api, "TrainingJob", job, "Succeeded", team.namespace)


def test_a_namespace_goes_comes_again_and_gets_its_role_back(
    new_team: Callable[[str], Team],
    start: Callable[..., KillableOperator],
    world: World,
    ledger: LedgerProcess,
    control_plane: ControlPlane,
) -> None:
    """Its Role goes with it, before the job that waits for the operator; while it has none, the other namespace is served as ever."""
    leaving, staying = new_team("leaving"), new_team("staying")
    api = leaving.api
    values = {"watchNamespaces": [leaving.namespace, staying.namespace], "crds": {"install": False}, "fullnameOverride": "few"}
    rights = [document for document in Helm(control_plane).rendered(values) if document["kind"] in RIGHTS]
    api.apply_all(rights)
    token = control_plane.account_token(NAMESPACE, "few-operator")
    kubeconfig = control_plane.write_kubeconfig("few", token, control_plane.server)
    operator = start(leaving, staying, kubeconfig=kubeconfig)

    leaving.goes_away_while_it_works(world, ledger)
    staying.job("while-it-is-gone")
    eventually(lambda: is_done(staying, "while-it-is-gone"), 60)

    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": leaving.namespace}})
    world.scenarios.pop((leaving.namespace, "digits"))
    leaving.job("without-rights")
    staying.job("beside")
    eventually(lambda: is_done(staying, "beside"), 60)
    assert "status" not in stored(api, "TrainingJob", "without-rights", leaving.namespace)
    operator.assert_running()
    operator.kill()
    again = start(leaving, staying, kubeconfig=kubeconfig)
    staying.job("after-a-restart")
    eventually(lambda: is_done(staying, "after-a-restart"), 60)
    assert f"passed over in namespace {leaving.namespace}" in again.log.read_text()

    api.apply_all(rights)
    eventually(lambda: is_done(leaving, "without-rights"), 60, "the Role is back")
    assert again.assert_running()
    assert health(again.port) == 200
