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
NAMESPACE = "rollout"
RATE, LEAST_SECONDS, LONGEST_SECONDS = 220, 60, 900
VERSION = "moorage.dev/v1alpha1"


def _job(steps: int) -> Body:
    spec = {
        "tenant": "lighthouse",
        "dataset": {"uri": "sklearn://digits", "format": "Bundled"},
        "task": {"type": "TabularClassification", "model": "Linear"},
        "optimization": {"steps": steps, "batchSize": 256, "learningRate": 0.5, "optimizer": "SGD"},
        "gates": [{"metric": "accuracy", "minimum": 0.5}],
    }
    return {"apiVersion": VERSION, "kind": "TrainingJob", "metadata": {"name": "model"}, "spec": spec}


def _service(**resources: object) -> Body:
    spec = {
        "tenant": "lighthouse",
        "model": {"trainingJob": "model"},
        "access": {"tenants": ["buoy"]},
        "resources": {"cpusPerReplica": 0.5, **resources},
    }
    return {"apiVersion": VERSION, "kind": "ModelService", "metadata": {"name": "model"}, "spec": spec}


@pytest.mark.timeout(1500)
def test_a_rollout_fails_no_request_and_bills_both_revisions_once(kubectl: Kubectl, ledger: RemoteLedger, buoy_key: str) -> None:
    kubectl("create", "namespace", NAMESPACE)
    kubectl.apply(_job(30), _service(), namespace=NAMESPACE)
    trained(kubectl, "model", NAMESPACE)
    before = ready(kubectl, "model", NAMESPACE)["status"]
    client = ClientPod(kubectl, NAMESPACE)
    client.run(SCRIPTS / "calls_in_pod.py", before["url"], "model", buoy_key, "0")
    kubectl.apply(_job(60), namespace=NAMESPACE)
    trained(kubectl, "model", NAMESPACE)
    # The rollout begins with the job's success; it takes a Ray cluster's start until the new revision gets its first request.
    with ThreadPoolExecutor(1) as pool:
        where = (f"model.{NAMESPACE}.svc", "8000", f"/{NAMESPACE}/model", "model")
        how = (buoy_key, str(RATE), str(LONGEST_SECONDS), "64")
        began = time.monotonic()
        load = pool.submit(client.run, SCRIPTS / "load_in_pod.py", *where, *how, seconds=LONGEST_SECONDS + 60)
        assert (kubectl.get("modelservice", "model", NAMESPACE) or {})["status"]["revision"] == before["revision"], "the load is too late"
        digest = (kubectl.get("trainingjob", "model", NAMESPACE) or {})["status"]["model"]["digest"]
        after = ready(kubectl, "model", NAMESPACE, digest)["status"]
        assert not load.done(), "the load ended before the rollout"
        # Until the earlier revision's cluster is gone: its end must not be felt either.
        eventually(lambda: len(ray_clusters(kubectl, NAMESPACE)) == 1, 240, "the earlier Ray cluster is gone")
        eventually(lambda: time.monotonic() - began >= LEAST_SECONDS, LEAST_SECONDS + 10, "the load has lasted")
        kubectl("exec", "-n", NAMESPACE, "client", "--", "touch", "/tmp/load.stop")
        told: dict[str, Any] = load.result()
    print(json.dumps(told))
    assert after["revision"] == before["revision"] + 1
    assert after["modelDigest"] != before["modelDigest"]
    assert told["failures"] == {}
    assert set(told["codes"]) == {"200"}
    assert told["seconds"] >= LEAST_SECONDS
    assert told["sent"] >= 100 * LEAST_SECONDS, "two cores that start a Ray cluster meanwhile may not reach the rate"

    uid = (kubectl.get("modelservice", "model", NAMESPACE) or {})["metadata"]["uid"]
    eventually(lambda: quantity(invoice(ledger, "buoy"), "Requests", uid) == told["sent"], 120, f"{told['sent']} requests are billed")

    # test_5_rollback looks at what becomes of it, for that takes as long as a rollout may.
    kubectl.apply(_service(nodePool="gpu", gpusPerReplica=1), namespace=NAMESPACE)
