"""What the host decides without Ray: its document, Ray's environment, replicas' time, deployment options."""

import json
from itertools import pairwise

import pytest
from ray.serve.schema import ApplicationStatus
from serving_scenario import service_config, write_artifact

from moorage_api.errors import InvalidInput
from moorage_api.model_service import Batching, Replicas, ServiceResources
from moorage_api.service_config import ServingConfig
from moorage_billing.ledger import Ledger
from moorage_serving.deployment_options import deployment_options
from moorage_serving.host.application_seen import SENTENCES, application_of, why_no_replica_runs
from moorage_serving.host.document import Document
from moorage_serving.host.engine_environment import engine_environment
from moorage_serving.host.haproxy_launcher import not_found_in_json, on_loopback
from moorage_serving.host.hosted_service import HostedService
from moorage_serving.host.port_block import claim_block
from moorage_serving.host.reaper import below
from moorage_serving.host.replica_time import ReplicaTime, observe
from moorage_serving.model.loaded_model import load_model
from moorage_serving.protocol.route import Endpoint, route_of

DIGEST = "sha256:" + "0" * 64


def written(tmp_path, *services, **changes):
    path = tmp_path / "serve.json"
    config = ServingConfig(port=1, services=list(services), status=str(tmp_path / "status.json")).model_copy(update=changes)
    path.write_text(config.model_dump_json(by_alias=True))
    return path


def test_a_document_is_read_and_its_replacement_seen(tmp_path):
    one, two = (service_config(tmp_path, name, DIGEST) for name in ("one", "two"))
    document = Document(written(tmp_path, one))
    assert document.read().services == [one]
    assert document.read_if_changed() is None
    written(tmp_path, one, two)
    assert document.read_if_changed().services == [one, two]
    assert document.read_if_changed() is None


def test_a_wrong_document_names_file_and_field_once(tmp_path):
    path = written(tmp_path)
    document = Document(path)
    document.read()
    path.write_text(json.dumps({"version": "moorage.dev/serving.v1", "port": "x", "services": [], "status": "s", "extra": 1}))
    with pytest.raises(InvalidInput) as refused:
        document.read_if_changed()
    assert {p.field for p in refused.value.problems} == {"port", "extra"}
    assert document.read_if_changed() is None
    with pytest.raises(InvalidInput, match=r"missing\.json"):
        Document(tmp_path / "missing.json").read()


def test_services_that_would_disturb_each_other_are_refused(tmp_path):
    one = service_config(tmp_path, "one", DIGEST)
    two = service_config(tmp_path, "two", DIGEST).model_copy(update={"outbox": one.outbox, "route_prefix": one.route_prefix})
    with pytest.raises(InvalidInput) as refused:
        Document(written(tmp_path, one, two)).read()
    assert {p.field for p in refused.value.problems} == {"services.1.outbox", "services.1.route_prefix"}
    with pytest.raises(InvalidInput, match="start with /"):
        Document(written(tmp_path, one.model_copy(update={"route_prefix": "one/"}))).read()


def test_two_hosts_share_no_port_and_no_path(tmp_path):
    one, two = (engine_environment(tmp_path / str(n), (n * 10, n * 10 + 1), (n * 100, n * 100 + 99)) for n in (1, 2))
    private = {k for k in one if "PORT" in k or "LOC" in k or "PATH" in k or "STATE" in k or "FOLDER" in k}
    assert len(private) == 13
    assert all(one[k] != two[k] for k in private)


def test_blocks_of_ports_that_are_held_never_overlap():
    blocks = [claim_block() for _ in range(20)]
    try:
        spans = sorted((block.first - 1, block.last) for block in blocks)
        assert all(before[1] < after[0] for before, after in pairwise(spans))
    finally:
        for block in blocks:
            block.release()


def test_only_the_ingress_may_listen_on_every_interface():
    text = "frontend prometheus\n    bind :9101\nfrontend http_frontend\n    bind *:8000\nlisten stats\n  bind *:8404\n"
    assert on_loopback(text, {"9101", "8404"}) == text.replace(":9101", "127.0.0.1:9101").replace("*:8404", "127.0.0.1:8404")


def test_deployment_options_follow_the_service(tmp_path):
    config = service_config(tmp_path, "one", DIGEST)
    assert deployment_options(config)["num_replicas"] == 1
    scaled = config.model_copy(
        update={
            "replicas": Replicas(min=1, max=4, target_ongoing_requests=3.0, max_ongoing_requests=7),
            "resources": ServiceResources(cpus_per_replica=2.0, gpus_per_replica=1, memory_per_replica="2Gi"),
        }
    )
    options = deployment_options(scaled)
    assert options["autoscaling_config"] == {"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 3.0}
    assert options["max_ongoing_requests"] == 7
    assert options["ray_actor_options"] == {"num_cpus": 2.0, "num_gpus": 1, "memory": 2 * 2**30}


def test_a_path_of_no_service_is_answered_in_json():
    line = r"""    http-request return status 404 content-type text/plain lf-string "Path \'%[path]\' not found." """
    changed = not_found_in_json(line)
    assert changed.startswith("    http-request return status 404 content-type application/json lf-string ")
    assert json.loads(changed.split("lf-string ")[1].strip().strip("'")).keys() == {"error"}


def test_descendants_are_found_at_any_depth():
    parents = {(10, "a"): 1, (11, "a"): 10, (12, "b"): 11, (13, "b"): 2, (1, "0"): 0}
    assert below(10, parents) == {(11, "a"), (12, "b")}
    assert below(99, parents) == set()


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v2", Endpoint.SERVER),
        ("/v2/health/live", Endpoint.LIVE),
        ("/v2/health/ready", Endpoint.READY),
        ("/metrics", Endpoint.METRICS),
        ("/v2/models/a", Endpoint.MODEL),
        ("/v2/models/a/ready", Endpoint.MODEL_READY),
        ("/v2/models/a/infer", Endpoint.INFER),
        ("/v2/models/a/versions/1", Endpoint.MODEL),
        ("/v2/models/a/versions/1/ready", Endpoint.MODEL_READY),
        ("/v2/models/a/versions/1/infer", Endpoint.INFER),
    ],
)
def test_routes(path, endpoint):
    assert route_of(path).endpoint is endpoint


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v2/models", "/v2/models/a/b", "/v2/models//infer", "/v2/health"])
def test_what_is_no_route(path):
    assert route_of(path) is None


def test_replica_time_sums_to_the_lifetime_and_survives_the_host(tmp_path):
    config = service_config(tmp_path, "one", DIGEST)
    start = 1_780_000_000.0
    time = ReplicaTime(config)
    for second in range(150):
        time.tick({"a": start} | ({"b": start + 60} if 60 <= second < 100 else {}), start + second)
    restarted = ReplicaTime(config)
    restarted.tick({}, start + 500)
    restarted.tick({}, start + 501)
    ledger = Ledger(config.ledger)
    events = list(ledger.events())
    ledger.close()
    by_replica = {}
    for event in events:
        assert (event.tenant, event.source) == ("platform", "ModelService/uid-one")
        replica = event.id.split("/")[0]
        by_replica[replica] = by_replica.get(replica, 0) + event.quantities["ServingCpuSeconds"]
    per_second = config.resources.cpus_per_replica * 1_000_000
    assert by_replica == {"a": 149 * per_second, "b": 39 * per_second}


def test_a_replica_that_is_gone_has_ended_when_it_was_last_seen():
    one = observe([], {"a": 100.0}, 1.0, 0.0, 110.0)
    two = observe(one, {}, 1.0, 0.0, 120.0)
    assert (two[0].ended, two[0].seen) == (True, one[0].seen)


def test_a_tampered_artifact_is_named_and_never_loaded(tmp_path):
    folder = tmp_path / "one" / "artifact"
    digest = write_artifact(folder)
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(InvalidInput, match=r"model\.onnx"):
        load_model(folder, digest, 1, 1)
    hosted = HostedService(service_config(tmp_path, "one", digest), "http://127.0.0.1:1")
    state = hosted.observe(None, 0.0)
    hosted.retire(1.0)
    assert not state.ready
    assert "model.onnx" in state.message


def test_another_models_digest_is_refused(tmp_path):
    write_artifact(tmp_path / "artifact")
    with pytest.raises(InvalidInput, match="digest"):
        load_model(tmp_path / "artifact", DIGEST, 1, 1)


def test_batching_reaches_the_replica(serving):
    row = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [5, 4], "data": [1] * 20}]}

    async def check(s):
        assert (await s.infer(row)).status_code == 200
        page = (await s.client.get(f"{s.prefix}/metrics")).text
        assert 'moorage_batch_rows_sum{model="iris"} 5.0' in page

    serving(check, batching=Batching(max_rows=2, wait_milliseconds=1.0))


def test_a_status_is_a_sentence_with_the_cause_that_ray_names():
    assert set(SENTENCES) == {status.value for status in ApplicationStatus}
    plain = {"status": ApplicationStatus.DEPLOYING, "message": "", "deployments": {}}
    assert why_no_replica_runs(application_of(plain)) == "the replicas are starting"
    error = "The deployment failed.\n\x1b[36mray::ServeReplica\x1b[0m\n  File 'a.py', line 1\nInvalidInput: model.onnx: was altered\n"
    failed = {"status": "DEPLOY_FAILED", "message": "", "deployments": {"Model": {"message": error, "replicas": []}}}
    assert why_no_replica_runs(application_of(failed)) == "the replicas cannot start: InvalidInput: model.onnx: was altered"
