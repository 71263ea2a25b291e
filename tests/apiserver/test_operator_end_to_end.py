"""The shipped example on the shipped operator and the shipped ledger: trained, gated, served, billed, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from apiserver.api import Api, ApiError
from apiserver.billed import billed_cpu_seconds
from apiserver.eventually import eventually
from apiserver.ledger_process import LedgerProcess
from apiserver.operator_process import Place, ShippedOperator, health
from apiserver.programs import ROOT
from apiserver.resources import condition, is_true, stored
from apiserver.team import Team
from apiserver.world import driver
from apiserver.world.world import World

from moorage_api.clock import timestamp, utc_now
from moorage_billing.period import Period
from moorage_operator import names
from moorage_operator.plan import ObjectRef

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def operator(place: Place, world: World) -> Iterator[ShippedOperator]:
    """Of the whole cluster, as the chart installs it."""
    running = ShippedOperator(place)
    yield running
    assert running.stop() == 0, running.daemon.last_words()


@pytest.fixture(scope="module")
def trained(api: Api, operator: ShippedOperator, kubectl: Callable[..., str]) -> dict:
    """The example's TrainingJob once it passed its gates."""
    kubectl("apply", "--server-side", "--filename", ROOT / "examples/digits.yaml")
    eventually(lambda: is_true(api, "TrainingJob", "digits", "GatesPassed"), 60, "the example passes its gates")
    return stored(api, "TrainingJob", "digits")


def test_the_example_is_trained_and_passes_its_gates(api: Api, trained: dict) -> None:
    status = trained["status"]
    said = {one["type"]: one["status"] for one in status["conditions"]}
    assert {**said, "Running": "False"} == dict.fromkeys(("Accepted", "BudgetReserved", "Succeeded", "GatesPassed"), "True") | {
        "Running": "False"
    }
    assert status["metrics"]["accuracy"] == pytest.approx(0.93)
    assert status["model"]["digest"] == driver.DIGEST
    assert status["privacy"]["mechanism"]["steps"] == driver.STEPS
    assert status["rayJobName"] == "digits"
    assert status["observedGeneration"] == trained["metadata"]["generation"]
    assert all(gate["passed"] for gate in status["gates"])


def test_what_it_spent_is_in_the_privacy_ledger_and_in_the_dataset(api: Api, ledger: LedgerProcess, trained: dict) -> None:
    account = "sklearn://digits"
    eventually(lambda: [job.state for job in ledger.as_administrator.statement(account).jobs] == ["Committed"], 20)
    statement = ledger.as_administrator.statement(account)
    assert statement.jobs[0].holder.startswith(f"{trained['metadata']['uid']}/")
    assert statement.jobs[0].mechanism.to_wire() == driver.MECHANISM
    eventually(lambda: stored(api, "Dataset", "digits").get("status", {}).get("spent", {}).get("jobs") == 1, 20)
    assert stored(api, "Dataset", "digits")["status"]["spent"]["epsilon"] == pytest.approx(statement.spent, rel=1e-3)


def test_its_model_is_served(api: Api, trained: dict) -> None:
    eventually(lambda: is_true(api, "ModelService", "digits", "Ready"), 30, "the service is ready")
    status = stored(api, "ModelService", "digits")["status"]
    assert status["modelDigest"] == driver.DIGEST
    assert (status["revision"], status["replicas"]) == (1, 1)
    assert status["url"].startswith("http")
    scale = api.request("GET", "/apis/moorage.dev/v1alpha1/namespaces/default/modelservices/digits/scale")
    assert scale["status"]["selector"]


def test_the_job_itself_may_reach_its_two_documents_and_nothing_else(api: Api, trained: dict) -> None:
    job = api.acting_as_account("default", names.training_account("digits"))
    for name in (names.report_config_map("digits"), names.admission_config_map("digits")):
        assert job.get(ObjectRef("v1", "ConfigMap", name, "default")) is not None
    forbidden: list[Callable[[], object]] = [
        lambda: job.get(ObjectRef("v1", "ConfigMap", names.run_config_map("digits"), "default")),
        lambda: job.patch(
            ObjectRef("v1", "ConfigMap", names.admission_config_map("digits"), "default"), {"data": {"admission.json": "{}"}}
        ),
        lambda: job.list("v1", "ConfigMap", "default"),
        lambda: job.list("v1", "Secret", "default"),
        lambda: job.list("v1", "Pod", "default"),
        lambda: job.get(ObjectRef("moorage.dev/v1alpha1", "TrainingJob", "digits", "default")),
        lambda: job.patch(
            ObjectRef("moorage.dev/v1alpha1", "TrainingJob", "digits", "default"), {"status": {"cost": "0"}}, subresource="status"
        ),
        lambda: job.patch(ObjectRef("ray.io/v1", "RayJob", "digits", "default"), {"spec": {"entrypoint": "true"}}),
    ]
    for call in forbidden:
        with pytest.raises(ApiError) as refusal:
            call()
        assert refusal.value.code == 403


def test_a_report_that_lies_changes_nothing_that_is_settled(api: Api, trained: dict) -> None:
    job = api.acting_as_account("default", names.training_account("digits"))
    report = ObjectRef("v1", "ConfigMap", names.report_config_map("digits"), "default")
    job.patch(report, {"data": {"report.json": json.dumps({"phase": "Failed"}) + "x" * 300_000}})
    job.patch(report, {"data": {"report.json": "{"}})
    eventually(lambda: is_true(api, "TrainingJob", "digits", "Succeeded"), 5)
    assert stored(api, "TrainingJob", "digits")["status"]["metrics"] == trained["status"]["metrics"]


def test_people_see_what_happened(api: Api, trained: dict) -> None:
    about = [event for event in api.list("v1", "Event", "default") if event["involvedObject"]["kind"] == "TrainingJob"]
    assert len({(event["reason"], event["message"]) for event in about}) == len(about) > 0
    assert all(event["involvedObject"]["uid"] == trained["metadata"]["uid"] for event in about)


def test_the_pods_seconds_are_billed_to_the_second(api: Api, world: World, ledger: LedgerProcess, trained: dict) -> None:
    """Those of the job while its service still runs, those of the service once it is deleted."""
    uid = trained["metadata"]["uid"]
    eventually(lambda: not [pod for pod in api.list("v1", "Pod", "default") if pod["metadata"]["labels"].get(names.UID) == uid], 30)
    assert len(world.pods_of(uid)) == 3
    assert billed_cpu_seconds(ledger, uid) == {pod.uid: pod.cpu_seconds for pod in world.pods_of(uid)}

    service = stored(api, "ModelService", "digits")
    api.delete(ObjectRef("moorage.dev/v1alpha1", "ModelService", "digits", "default"))
    serving = service["metadata"]["uid"]
    eventually(lambda: not [pod for pod in api.list("v1", "Pod", "default") if pod["metadata"]["labels"].get(names.UID) == serving], 30)
    assert billed_cpu_seconds(ledger, serving) == {pod.uid: pod.cpu_seconds for pod in world.pods_of(serving)}

    period = str(Period.containing(timestamp(utc_now())))
    invoice = json.loads(ledger.as_administrator.invoice("harbour", period))
    quantities = {line["meter"]: Decimal(line["quantity"]) for line in invoice["lines"] if line.get("meter", "").endswith("CpuSeconds")}
    assert quantities == {
        "TrainingCpuSeconds": sum(pod.cpu_seconds for pod in world.pods_of(uid)),
        "ServingCpuSeconds": sum(pod.cpu_seconds for pod in world.pods_of(serving)),
    }
    eventually(lambda: float(stored(api, "TrainingJob", "digits")["status"]["cost"]) > 0, 10, "the cost so far is shown")


def test_a_deleted_job_leaves_nothing_and_gives_no_budget_back(api: Api, ledger: LedgerProcess, trained: dict) -> None:
    spent = ledger.as_administrator.statement("sklearn://digits").spent
    api.delete(ObjectRef("moorage.dev/v1alpha1", "TrainingJob", "digits", "default"))
    eventually(lambda: stored(api, "TrainingJob", "digits") is None, 20, "the job goes")

    def left() -> list[str]:
        kinds = [("v1", "ConfigMap"), ("v1", "ServiceAccount"), ("v1", "Pod"), ("ray.io/v1", "RayJob"), ("ray.io/v1", "RayCluster")]
        kinds += [
            ("rbac.authorization.k8s.io/v1", "Role"),
            ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            ("networking.k8s.io/v1", "NetworkPolicy"),
        ]
        bodies = [body for version, kind in kinds for body in api.list(version, kind, "default")]
        return [
            body["metadata"]["name"] for body in bodies if body["metadata"].get("labels", {}).get(names.UID) == trained["metadata"]["uid"]
        ]

    eventually(lambda: left() == [], 30, "the garbage collector takes its children")
    assert ledger.as_administrator.statement("sklearn://digits").spent == spent


def test_a_namespace_with_running_work_goes_away(operator: ShippedOperator, team: Team, world: World, ledger: LedgerProcess) -> None:
    team.goes_away_while_it_works(world, ledger)


def test_the_operator_is_healthy(operator: ShippedOperator) -> None:
    assert (health(operator.port, "healthz"), health(operator.port, "readyz"), health(operator.port, "metrics")) == (200, 200, 200)
    assert "Traceback" not in operator.daemon.last_words(1_000_000)


def test_no_condition_is_left_unknown(api: Api, trained: dict) -> None:
    assert condition(trained, "Accepted")["observedGeneration"] == trained["metadata"]["generation"]
