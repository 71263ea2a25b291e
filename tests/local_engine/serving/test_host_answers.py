"""A real host over HTTP: clients, keys, limits, a large body, changes of its document, and its end."""

import concurrent.futures
import socket
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from serving_processes import replica_pids
from serving_scenario import DIGITS, LOANS, eventually, expected_logits, infer

from moorage_api.tenant import RateLimit


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_works_unchanged(host, key, binary):
    client = triton.InferenceServerClient(f"{host.address}/default/crowd")
    headers = {"Authorization": f"Bearer {key}"}
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("crowd")
    assert client.get_server_metadata()["name"] == "moorage"
    assert client.get_model_metadata("crowd", headers=headers)["inputs"][0]["name"] == "image"
    images = (np.arange(128).reshape(2, 1, 8, 8) % 17).astype(np.float32)
    image = triton.InferInput("image", list(images.shape), "FP32")
    image.set_data_from_numpy(images, binary_data=binary)
    wanted = [triton.InferRequestedOutput(n, binary_data=binary) for n in ("label", "logits")]
    for outputs in (wanted, None):
        result = client.infer("crowd", [image], outputs=outputs, headers=headers)
        logits = expected_logits(images, 10)
        np.testing.assert_allclose(result.as_numpy("logits"), logits, atol=1e-3)
        labels = [v.decode() if isinstance(v, bytes) else v for v in result.as_numpy("label")]
        assert labels == [DIGITS.classes[i] for i in logits.argmax(axis=1)]
    client.close()


def test_a_table_by_column(host, key):
    columns = [
        {"name": "amount", "datatype": "FP32", "shape": [1], "data": [3]},
        {"name": "purpose", "datatype": "BYTES", "shape": [1], "data": ["house"]},
    ]
    answer = infer(host, key, {"inputs": columns, "outputs": [{"name": "logits"}]}, "loans").json()
    np.testing.assert_allclose(answer["outputs"][0]["data"], expected_logits(np.array([[3, 1]]), len(LOANS.classes))[0], atol=1e-5)


def test_a_tampered_artifact_is_not_served_and_the_file_is_named(host, key):
    state = host.status()["default/broken"]
    assert not state["ready"]
    assert "card.md" in state["message"]
    answer = infer(host, key, name="broken")
    assert answer.status_code == 404
    assert answer.json() == {"error": "path: no service answers here (got /default/broken/v2/models/broken/infer)"}
    odd = httpx.get(f"http://{host.address}/%22odd%22%5C", timeout=30)
    assert (odd.status_code, list(odd.json())) == (404, ["error"])


def test_keys_rotate_and_are_revoked_within_seconds(host, keys, key):
    old, new = keys.create("acme"), keys.create("acme")
    for each in (old, new):
        eventually(lambda each=each: infer(host, each).status_code == 200, 5, "both keys are valid at once")
    keys.change("acme", old, revoked_at="2026-01-02T00:00:00Z")
    eventually(lambda: infer(host, old).status_code == 401, 3, "the old key is refused")
    assert infer(host, new).status_code == 200
    good = keys.path.read_bytes()
    keys.path.write_text("{")
    time_of_break = time.monotonic()
    eventually(lambda: time.monotonic() - time_of_break > 1.5 and infer(host, new).status_code == 200, 5, "the last good policy stays")
    keys.path.write_bytes(good)


def test_a_tenants_limit_holds_over_all_replicas(host, keys, key):
    slow = keys.create("slow")
    keys.limits["slow"] = RateLimit(requests_per_second=30, burst=3)
    keys.write()
    image = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": [1] * 64}]}
    url = f"http://{host.address}/default/crowd/v2/models/crowd/infer"
    with httpx.Client(headers={"X-API-Key": slow}, timeout=30) as client:
        eventually(lambda: {client.post(url, json=image).status_code for _ in range(30)} == {200, 429}, 5, "key and limit are taken")
    deadline = time.monotonic() + 3.0

    def call(_):
        codes = []
        with httpx.Client(headers={"X-API-Key": slow}, timeout=30) as client:
            while time.monotonic() < deadline:
                codes.append(client.post(url, json=image).status_code)
        return codes

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        codes = [code for part in pool.map(call, range(6)) for code in part]
    assert set(codes) == {200, 429}
    assert 60 <= codes.count(200) <= 100, f"{codes.count(200)} of {len(codes)} in 3 s, at 30 a second and a burst of 3"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_50_megabytes_is_413_and_stays_out_of_memory(host, key, chunked):
    (pid,) = replica_pids(host.process.pid, "default/iris")
    before = resident_bytes(pid)
    peak = [0]
    done = threading.Event()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], resident_bytes(pid))
            done.wait(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    megabyte = b"x" * 2**20
    content = (megabyte for _ in range(50)) if chunked else megabyte * 50
    url = f"http://{host.address}/default/iris/v2/models/iris/infer"
    try:
        answer = httpx.post(url, content=content, headers={"X-API-Key": key, "Content-Type": "application/json"}, timeout=30)
    finally:
        done.set()
        watcher.join()
    assert answer.status_code == 413
    assert "8388608" in answer.json()["error"]
    assert peak[0] - before < 30 * 2**20
    assert infer(host, key).status_code == 200


def test_garbage_on_the_wire_harms_nobody(host, key):
    for raw in (
        b"\0" * 100,
        b"POST / HTTP/9\r\n\r\n",
        b"POST /default/iris/v2/models/iris/infer HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", host.port), timeout=10) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(4096)
    assert infer(host, key).status_code == 200


def test_metrics_of_any_replica_count_for_all(host, key):
    image = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": [1] * 64}]}

    def count():
        page = httpx.get(f"http://{host.address}/default/crowd/metrics", timeout=30).text
        lines = [
            line for line in page.splitlines() if line.startswith("moorage_requests_total") and 'code="200"' in line and "acme" in line
        ]
        return sum(float(line.split()[-1]) for line in lines)

    before = count()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: infer(host, key, image, "crowd"), range(60)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.headers["x-moorage-usage-event"].split("/")[0] for a in answers}) == 3
    eventually(lambda: count() == before + 60, 5, "the page counts every replica")
