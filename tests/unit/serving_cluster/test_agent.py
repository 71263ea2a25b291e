"""The agent beside the replicas: the policy that it copies, what it says of itself, and how it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from serving_cluster_world import SERVICE, eventually, fill, free_port

from moorage_api.access_policy import AccessPolicy
from moorage_api.manifest import parse_resource

PLAN = {"apiVersion": "moorage.dev/v1alpha1", "kind": "PricePlan", "metadata": {"name": "free"}, "spec": {"currency": "EUR"}}


def catalogue(ledger, *tenants: str) -> None:
    ledger.operator().put_catalogue([tenant(name) for name in tenants], [])


def tenant(name: str):
    document = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name},
        "spec": {"plan": "free", "namespaces": ["default"]},
    }
    return parse_resource(document, "test")


def policy_of(agent) -> dict[str, list[str]]:
    """The prefixes of the keys by tenant, of the file."""
    if not agent.policy.exists():
        return {}
    policy = AccessPolicy.model_validate_json(agent.policy.read_bytes())
    return {each.name: [key.prefix for key in each.keys if key.revoked_at is None] for each in policy.tenants}


def test_the_policy_follows_the_ledger_and_outlives_it(ledger, agent):
    catalogue(ledger, "acme", "globex")
    operator = ledger.operator()
    key = operator.create_key("acme").key
    running = agent()
    running.start()
    eventually(lambda: policy_of(running) == {"acme": [key[:12]]})
    assert running.get("/readyz")[0] == running.get("/healthz")[0] == 200

    operator.revoke_key(key)
    eventually(lambda: policy_of(running) == {"acme": []}, 5)
    other = operator.create_key("globex").key
    running.write(running.config.model_copy(update={"tenants": ["acme", "globex"]}))
    eventually(lambda: policy_of(running) == {"acme": [], "globex": [other[:12]]}, 5)

    ledger.stop()
    running.write(running.config.model_copy(update={"tenants": ["acme"]}))
    eventually(lambda: "fetching the access policy, trying again" in running.log.read_text(), 15)
    assert set(policy_of(running)) == {"acme", "globex"}, "what the ledger said last holds"
    running.kill()
    running.start()
    eventually(lambda: running.get("/readyz")[0] == 200, 15)
    assert set(policy_of(running)) == {"acme", "globex"}
    ledger.start()
    eventually(lambda: set(policy_of(running)) == {"acme"}, 15)
    assert running.log.read_text().count("fetching the access policy, trying again") <= 4, "a trouble is logged once, not once a second"


def test_it_is_not_ready_before_there_was_a_policy_and_ships_nothing_to_nobody(agent):
    running = agent(ledger=f"http://127.0.0.1:{free_port()}", drain_seconds=0.5)
    fill(running.outbox, 3)
    running.start()
    eventually(lambda: running.get("/healthz")[0] == 200)
    status, body = running.get("/readyz")
    assert (status, "has not given an access policy" in body) == (503, True)
    page = eventually(lambda: running.get("/metrics")[1])
    assert 'moorage_outbox_events{model="digits"} 3.0' in page
    assert 'moorage_access_policy_age_seconds{model="digits"} +Inf' in page
    assert running.get("/nothing")[0] == 404
    assert running.end() == 0


REPLICA = """
import sys, time
from pathlib import Path
from moorage_serving.metrics import ServingMetrics
metrics = ServingMetrics(Path(sys.argv[1]), "digits")
metrics.describe("sha256:" + "0" * 64, "ImageClassification")
metrics.answered("acme", 200, 2, 0.001)
metrics.started(); metrics.started()
metrics.outbox(77, 5.0)
metrics.flush()
print("up", flush=True)
time.sleep(60)
"""


def test_the_page_is_all_replicas_but_for_the_gauges_of_those_that_died(ledger, agent):
    running = agent()
    folder = Path(running.config.metrics) / SERVICE.uid
    replicas = [subprocess.Popen([sys.executable, "-c", REPLICA, str(folder)], stdout=subprocess.PIPE) for _ in range(2)]
    for replica in replicas:
        replica.stdout.readline()
    running.start()
    page = eventually(lambda: running.get("/metrics")[1])
    assert 'moorage_requests_total{code="200",model="digits",tenant="acme"} 2.0' in page
    assert 'moorage_requests_in_flight{model="digits"} 2.0' in page
    assert 'moorage_outbox_events{model="digits"} 0.0' in page, "the agent measures the outbox itself"
    assert page.count("moorage_outbox_events{") == 1
    replicas[0].kill()
    replicas[0].wait()
    page = running.get("/metrics")[1]
    assert 'moorage_requests_total{code="200",model="digits",tenant="acme"} 2.0' in page
    assert 'moorage_requests_in_flight{model="digits"} 1.0' in page
    replicas[1].kill()
    replicas[1].wait()
    page = running.get("/metrics")[1]
    assert 'moorage_requests_total{code="200",model="digits",tenant="acme"} 2.0' in page
    assert "moorage_requests_in_flight{" not in page
    assert running.end() == 0


def test_what_is_wrong_is_one_line_and_an_exit_code(agent, ledger):
    running = agent(ledger="sqlite:////tmp/ledger.db")
    running.start()
    assert running.process.wait(60) == 2
    assert "has no access policies" in running.log.read_text()
    (running.folder / "agent.json").write_text("{}")
    running.start()
    assert running.process.wait(60) == 2
    assert "Traceback" not in running.log.read_text()
    taken = agent("pod-2")
    taken.start()
    eventually(lambda: taken.get("/healthz")[0] == 200)
    second = agent("pod-3", port=taken.port)
    second.start()
    assert second.process.wait(60) == 1
    assert "cannot listen" in second.log.read_text()


def test_the_agent_is_small():
    code = (
        "import sys, moorage_serving.cluster.agent; print([m for m in ('ray', 'onnxruntime', 'sqlalchemy', 'numpy') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"
