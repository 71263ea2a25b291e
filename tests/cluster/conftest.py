"""One cluster, one release of the chart and one run of examples/digits.yaml for the session; each test adds what it is about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiserver.programs import BIN, ROOT, Missing
from cluster.client_pod import ClientPod
from cluster.departures import Departures
from cluster.eventually import eventually
from cluster.kubectl import Kubectl, is_true
from cluster.pod_log import PodLog
from cluster.release import install, ledger_of
from cluster.waiting import ready, trained

from moorage_api.base import API_VERSION
from moorage_api.errors import MoorageError
from moorage_billing.remote import RemoteLedger

KUBECONFIG = Path(os.environ.get("KUBECONFIG") or BIN.parent / "run/kubeconfig")


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """The cluster of `make cluster-up`, or the one that KUBECONFIG names."""
    if not KUBECONFIG.exists():
        pytest.skip(f"there is no cluster: {KUBECONFIG} does not exist; `make test-cluster` starts one (it needs root and Go)")
    try:
        return Kubectl(KUBECONFIG)
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def release(kubectl: Kubectl) -> None:
    """Moorage is installed anew; MOORAGE_TESTS_REUSE=1 goes on with what an earlier session installed and trained."""
    if not os.environ.get("MOORAGE_TESTS_REUSE"):
        install(kubectl)


@pytest.fixture
def ledger(kubectl: Kubectl, release: None) -> Iterator[RemoteLedger]:
    """The ledger, as an administrator: for one test, since some replace its pod."""
    with ledger_of(kubectl) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def pod_log(kubectl: Kubectl) -> Iterator[PodLog]:
    """What became of every pod, seen by the tests themselves."""
    log = PodLog(kubectl)
    yield log
    log.close()


@pytest.fixture(scope="session")
def departures(kubectl: Kubectl) -> Iterator[Departures]:
    """What is going. test_9_departures asks whether it went in time."""
    going = Departures(kubectl)
    yield going
    going.close()


@pytest.fixture(scope="session")
def digits(kubectl: Kubectl, release: None, pod_log: PodLog) -> None:
    """examples/digits.yaml, applied unchanged: trained, gated, served."""
    kubectl("apply", "-f", str(ROOT / "examples/digits.yaml"))
    trained(kubectl, "digits")
    assert is_true(kubectl.get("trainingjob", "digits"), "GatesPassed")
    ready(kubectl, "digits")


@pytest.fixture(scope="session")
def client(kubectl: Kubectl, release: None) -> ClientPod:
    """A pod in the namespace default."""
    return ClientPod(kubectl, "default")


@pytest.fixture(scope="session")
def key(kubectl: Kubectl, digits: None) -> str:
    """An API key of the tenant harbour. test_4_documents revokes it."""
    with ledger_of(kubectl) as ledger:
        return ledger.create_key("harbour").key


@pytest.fixture(scope="session")
def buoy_key(kubectl: Kubectl, digits: None) -> str:
    """An API key of a tenant without a rate limit, whose invoice is the load of the tests and nothing else."""
    kubectl.apply({"apiVersion": API_VERSION, "kind": "Tenant", "metadata": {"name": "buoy"}, "spec": {"plan": "pay-as-you-go"}})
    with ledger_of(kubectl) as ledger:
        return eventually(lambda: _key_once_known(ledger, "buoy"), 30, "the ledger knows buoy")


def _key_once_known(ledger: RemoteLedger, tenant: str) -> str | None:
    try:
        return ledger.create_key(tenant).key
    except MoorageError:
        return None
