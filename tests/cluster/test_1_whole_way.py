"""The shipped example on a real cluster: trained, gated, served, called from inside and outside, billed, and seen by Prometheus."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from cluster.bills import invoice, quantity
from cluster.client_pod import ClientPod
from cluster.eventually import eventually
from cluster.kubectl import Kubectl, condition, is_true
from cluster.pod_log import PodLog

from moorage_billing.remote import RemoteLedger

HERE = Path(__file__).parent
CALLS_INSIDE, CALLS_OUTSIDE, PIXELS = 25, 10, 64


def test_the_job_says_what_it_did(kubectl: Kubectl, digits: None) -> None:
    job = kubectl.get("trainingjob", "digits")
    assert job is not None
    status = job["status"]
    for type_ in ("Accepted", "BudgetReserved", "Succeeded", "GatesPassed"):
        assert is_true(job, type_), condition(job, type_)
    assert status["metrics"]["accuracy"] >= 0.88
    assert status["metrics"]["robustAccuracy"] >= 0.45
    assert 0 < status["privacy"]["epsilonSpent"] <= 5
    assert status["progress"]["step"] == 400
    assert status["model"]["uri"].startswith("/var/lib/moorage/")
    dataset = kubectl.get("dataset", "digits")
    assert dataset is not None
    assert dataset["status"]["spent"]["epsilon"] == pytest.approx(status["privacy"]["epsilonSpent"], rel=0.02)


def test_requests_from_inside_and_through_a_port_forward_are_answered(kubectl: Kubectl, client: ClientPod, digits: None, key: str) -> None:
    url = (kubectl.get("modelservice", "digits") or {})["status"]["url"]
    told = client.run(HERE / "calls_in_pod.py", url, "digits", key, str(CALLS_INSIDE))
    assert told["answers"] == CALLS_INSIDE
    with kubectl.port_forward("service/digits", 8000) as outside, httpx.Client(base_url=f"{outside}/default/digits", timeout=30) as http:
        for _ in range(CALLS_OUTSIDE):
            answer = _infer(http, key)
            assert (answer.status_code, answer.json()["model_name"]) == (200, "digits")
        refused = _infer(http, "mrg_00000000_nobody")
    assert refused.status_code == 401
    assert "API key" in refused.json()["error"]


def test_the_invoice_equals_the_requests_made_and_the_pod_seconds_run(pod_log: PodLog, ledger: RemoteLedger, key: str) -> None:
    requests = CALLS_INSIDE + CALLS_OUTSIDE
    eventually(lambda: quantity(invoice(ledger, "harbour"), "Requests") == requests, 60, f"{requests} requests are in the ledger")
    assert quantity(invoice(ledger, "harbour"), "RowsPredicted") == 2 * CALLS_INSIDE + CALLS_OUTSIDE
    ran = eventually(lambda: pod_log.core_seconds("TrainingJob", "digits"), 180, "the training pods' ends are known")
    eventually(lambda: quantity(invoice(ledger, "harbour"), "TrainingCpuSeconds") == ran, 120, f"{ran} core-seconds of training are billed")
    document = invoice(ledger, "harbour")
    assert sum(Decimal(line["amount"]) for line in document["lines"]) == Decimal(document["total"])


def _infer(http: httpx.Client, key: str) -> httpx.Response:
    body = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, PIXELS], "data": [1.0] * PIXELS}]}
    return http.post("/v2/models/digits/infer", json=body, headers={"Authorization": f"Bearer {key}"})
