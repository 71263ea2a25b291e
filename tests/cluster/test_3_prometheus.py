"""A real Prometheus sees what the ledger holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster.bills import invoice, quantity
from cluster.client_pod import ClientPod
from cluster.eventually import eventually
from cluster.kubectl import Kubectl, is_true
from cluster.prometheus import Prometheus

from moorage_billing.remote import RemoteLedger

SCRIPTS = Path(__file__).parent
CALLS = 20


def test_prometheus_sees_what_the_ledger_holds(kubectl: Kubectl, ledger: RemoteLedger, client: ClientPod, key: str, tmp_path: Path) -> None:
    url = (kubectl.get("modelservice", "digits") or {})["status"]["url"]
    client.run(SCRIPTS / "calls_in_pod.py", url, "digits", key, str(CALLS))
    with Prometheus(kubectl, tmp_path) as prometheus:
        answered = 'sum(moorage_requests_total{tenant="harbour",model="digits",code="200"})'
        rows = 'sum(moorage_rows_predicted_total{tenant="harbour",model="digits"})'
        billed = quantity(invoice(ledger, "harbour"), "RowsPredicted")
        eventually(lambda: prometheus.value(rows) == float(billed), 60, f"{rows} is {billed}")
        assert (prometheus.value(answered) or 0) >= CALLS
        succeeded = 'moorage_trainingjobs{condition="Succeeded",status="True"}'
        eventually(lambda: prometheus.value(succeeded) == _succeeded(kubectl), 60, f"{succeeded} is what kubectl says")
        owed = 'moorage_tenant_cost{tenant="harbour"}'
        # The metric is refreshed twice a minute while serving goes on costing; the fee alone is 49.
        eventually(lambda: _near(prometheus.value(owed), invoice(ledger, "harbour")["total"]), 90, f"{owed} is what the ledger says")


def _succeeded(kubectl: Kubectl) -> int:
    jobs = json.loads(kubectl("get", "trainingjobs", "--all-namespaces", "-o", "json"))["items"]
    return sum(is_true(job, "Succeeded") for job in jobs)


def _near(value: float | None, total: str) -> bool:
    return value is not None and value == pytest.approx(float(total), rel=1e-3)
