"""A new model takes over from the old one under constant load: no request fails, and each is billed once."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cluster.bills import invoice, quantity
from cluster.client_pod import ClientPod
from cluster.eventually import eventually
from cluster.kubectl import Body, Kubectl
from cluster.waiting import ray_clusters, ready, trained

from moorage_billing.remote import RemoteLedger

SCRIPTS = Path(__file__).parent
RATE, LEAST_SECONDS, LONGEST_SECONDS = 220, 60, 900
VERSION = "moorage.dev/v1alpha1"


def _shorter_job() -> Body:
    """The example's job after an edit: its new model is another one, and what is left of the data set's budget pays for it."""
    spec = {
        "dataset": {"name": "digits"},
        "task": {"type": "TabularClassification", "model": "Linear"},
        "optimization": {"steps": 60, "batchSize": 256, "learningRate": 0.5, "optimizer": "SGD"},
        "privacy": {"epsilon": 2, "delta": 1e-5},
        "gates": [{"metric": "accuracy", "minimum": 0.5}],
    }
    return {"apiVersion": VERSION, "kind": "TrainingJob", "metadata": {"name": "digits"}, "spec": spec}


def _service(**resources: object) -> Body:
    """The example's service, with one tenant more."""
    access = {"tenants": ["harbour", "lighthouse", "buoy"]}
    spec = {"model": {"trainingJob": "digits"}, "access": access, **({"resources": resources} if resources else {})}
    return {"apiVersion": VERSION, "kind": "ModelService", "metadata": {"name": "digits"}, "spec": spec}


@pytest.mark.timeout(1500)
def test_a_rollout_fails_no_request_and_bills_both_revisions_once(
    kubectl: Kubectl, ledger: RemoteLedger, client: ClientPod, buoy_key: str
) -> None:
    before = (kubectl.get("modelservice", "digits") or {})["status"]
    kubectl.apply(_service(), _shorter_job())
    trained(kubectl, "digits")
    assert client.run(SCRIPTS / "calls_in_pod.py", before["url"], "digits", buoy_key, "1")["answers"] == 1, "buoy is let in"
    # The rollout begins with the job's success; it takes a Ray cluster's start until the new revision gets its first request.
    with ThreadPoolExecutor(1) as pool:
        where = ("digits.default.svc", "8000", "/default/digits", "digits")
        how = (buoy_key, str(RATE), str(LONGEST_SECONDS), "64")
        began = time.monotonic()
        load = pool.submit(client.run, SCRIPTS / "load_in_pod.py", *where, *how, seconds=LONGEST_SECONDS + 60)
        assert (kubectl.get("modelservice", "digits") or {})["status"]["revision"] == before["revision"], "the load is too late"
        digest = (kubectl.get("trainingjob", "digits") or {})["status"]["model"]["digest"]
        after = ready(kubectl, "digits", digest=digest)["status"]
        assert not load.done(), "the load ended before the rollout"
        # Until the earlier revision's cluster is gone: its end must not be felt either.
        eventually(lambda: len(ray_clusters(kubectl, "default")) == 1, 240, "the earlier Ray cluster is gone")
        eventually(lambda: time.monotonic() - began >= LEAST_SECONDS, LEAST_SECONDS + 10, "the load has lasted")
        kubectl("exec", "client", "--", "touch", "/tmp/load.stop")
        told: dict[str, Any] = load.result()
    print(json.dumps(told))
    assert after["revision"] == before["revision"] + 1
    assert after["modelDigest"] != before["modelDigest"]
    assert told["failures"] == {}
    assert set(told["codes"]) == {"200"}
    assert told["seconds"] >= LEAST_SECONDS
    assert told["sent"] >= 100 * LEAST_SECONDS, "two cores that start a Ray cluster meanwhile may not reach the rate"

    uid = (kubectl.get("modelservice", "digits") or {})["metadata"]["uid"]
    eventually(lambda: quantity(invoice(ledger, "buoy"), "Requests", uid) == told["sent"] + 1, 120, f"{told['sent']} requests are billed")

    # test_8_rollback looks at what becomes of it, for that takes as long as a rollout may.
    kubectl.apply(_service(nodePool="gpu", gpusPerReplica=1))
