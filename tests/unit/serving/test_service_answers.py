"""What a replica answers, to whom, and what of it is metered: the whole pipeline with nothing but Ray left out."""

import json

import numpy as np
import pytest
from serving_scenario import DIGITS, IRIS, LOANS, expected_logits

from moorage_api.tenant import RateLimit

ROW = [5.1, 3.5, 1.4, 0.2]
ONE = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": ROW}]}


def tensor(data, shape=(1, 4), datatype="FP32", name="features", **more):
    return {"inputs": [{"name": name, "datatype": datatype, "shape": list(shape), "data": data, **more}]}


def outputs(response):
    return {o["name"]: o for o in response.json()["outputs"]}


def test_infer_answers_label_probabilities_and_logits(serving):
    async def check(s):
        rows = np.array([ROW, [1, 2, 3, 4]], dtype=np.float32)
        answer = await s.infer({"id": "mine", **tensor(rows.tolist(), (2, 4))})
        assert answer.status_code == 200
        assert answer.json()["id"] == "mine"
        assert (answer.json()["model_name"], answer.json()["model_version"]) == ("iris", "1")
        found = outputs(answer)
        logits = expected_logits(rows, 3)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(np.array(found["logits"]["data"]).reshape(2, 3), logits, atol=1e-5)
        np.testing.assert_allclose(np.array(found["probabilities"]["data"]).reshape(2, 3), probabilities, atol=1e-6)
        assert found["label"] == {
            "name": "label",
            "datatype": "BYTES",
            "shape": [2],
            "data": [IRIS.classes[i] for i in logits.argmax(axis=1)],
        }

    events = serving(check)
    assert [(e.tenant, e.code, e.quantities) for e in events] == [("acme", 200, {"Requests": 1_000_000, "RowsPredicted": 2_000_000})]


def test_only_the_outputs_asked_for_are_sent(serving):
    async def check(s):
        answer = await s.infer({**ONE, "outputs": [{"name": "label"}]})
        assert list(outputs(answer)) == ["label"]
        refused = await s.infer({**ONE, "outputs": [{"name": "loss"}]})
        assert refused.status_code == 400
        assert "outputs[0].name" in refused.json()["error"]
        assert "loss" in refused.json()["error"]

    serving(check)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "JSON object"),
        (b"{}", "inputs"),
        (b'{"inputs":[]}', "inputs"),
        (b'{"inputs":[1]}', "inputs[0]"),
        (b'{"inputs":[{"datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]}', "inputs[0].name"),
        (json.dumps(tensor(ROW, datatype="FP8")).encode(), "inputs[0].datatype"),
        (json.dumps(tensor(ROW, shape=(1, -4))).encode(), "inputs[0].shape"),
        (json.dumps(tensor(ROW, shape=(True, 4))).encode(), "inputs[0].shape"),
        (json.dumps(tensor(ROW, shape=(2**20, 2**20))).encode(), "inputs[0].shape"),
        (json.dumps(tensor(ROW, shape=(4,))).encode(), "inputs[0].shape"),
        (json.dumps(tensor([*ROW, 1.0], shape=(1, 5))).encode(), "inputs[0].shape"),
        (json.dumps(tensor([], shape=(0, 4))).encode(), "inputs[0].shape"),
        (json.dumps(tensor(ROW[:3])).encode(), "inputs[0].data"),
        (json.dumps(tensor([[1, 2, 3], [4]], shape=(2, 4))).encode(), "inputs[0].data"),
        (json.dumps(tensor([[1, 2], [3, 4]])).encode(), "inputs[0].data"),
        (json.dumps(tensor("5.1")).encode(), "inputs[0].data"),
        (json.dumps(tensor([5.1, "3.5", 1.4, 0.2])).encode(), "inputs[0].data[1]"),
        (json.dumps(tensor([5.1, True, 1.4, 0.2])).encode(), "inputs[0].data[1]"),
        (json.dumps(tensor([5, 300, 1, 0], datatype="UINT8")).encode(), "inputs[0].data"),
        (json.dumps(tensor([5.5, 1, 1, 0], datatype="INT32")).encode(), "inputs[0].data[0]"),
        (json.dumps(tensor(["a", "b", "c", "d"], datatype="BYTES")).encode(), "inputs[0].datatype"),
        (json.dumps(tensor([1e300, 0, 0, 0], datatype="FP64")).encode(), "features[0][0] (sepal_length)"),
        (json.dumps(tensor([0, 0, float("inf"), 0])).encode(), "features[0][2] (petal_length)"),
        (json.dumps(tensor(ROW, name="pixels")).encode(), "inputs[0].name"),
        (json.dumps({"inputs": ONE["inputs"] * 2}).encode(), "inputs[1].name"),
        (json.dumps({"inputs": [{"name": "sepal_length", "datatype": "FP32", "shape": [1], "data": [1]}]}).encode(), "sepal_width"),
        (json.dumps({"id": 7, **ONE}).encode(), "id"),
        (json.dumps({"parameters": {"sequence_id": 1}, **ONE}).encode(), "parameters.sequence_id"),
        (json.dumps({"parameters": {"binary_data_output": 1}, **ONE}).encode(), "binary_data_output"),
        (json.dumps(tensor(ROW, parameters={"binary_data_size": 16})).encode(), "inputs[0].data"),
    ],
)
def test_bad_input_is_400_and_names_the_field(serving, body, field):
    async def check(s):
        answer = await s.client.post(
            f"{s.prefix}/v2/models/iris/infer", content=body, headers={"X-API-Key": s.key, "Content-Type": "application/json"}
        )
        assert answer.status_code == 400
        assert field in answer.json()["error"]
        assert len(answer.json()["error"]) < 600

    assert [(e.code, e.quantities) for e in serving(check)] == [(400, {})]


def test_a_table_may_be_sent_column_by_column_with_categories_as_text(serving):
    async def check(s):
        def columns(purpose):
            return {
                "inputs": [
                    {"name": "purpose", "datatype": "BYTES", "shape": [2], "data": purpose},
                    {"name": "amount", "datatype": "INT64", "shape": [2, 1], "data": [[3], [4]]},
                ]
            }

        answer = await s.infer(columns(["house", "car"]))
        rows = np.array([[3, 1], [4, 0]], dtype=np.float32)
        np.testing.assert_allclose(np.array(outputs(answer)["logits"]["data"]).reshape(2, 2), expected_logits(rows, 2), atol=1e-5)
        unknown = await s.infer(columns(["boat", "car"]))
        assert unknown.status_code == 400
        for part in ("purpose", "'boat'", "'car', 'house'"):
            assert part in unknown.json()["error"]
        index = await s.infer(tensor([[3, 2]], (1, 2)))
        assert index.status_code == 400
        assert "features[0][1] (purpose)" in index.json()["error"]
        missing = await s.infer(tensor([[None, 1]], (1, 2)))
        assert missing.status_code == 400
        assert "features[0][0] (amount)" in missing.json()["error"]

    serving(check, signature=LOANS)


def test_a_missing_number_is_filled_where_the_model_accepts_it(serving):
    async def check(s):
        with_null, with_zero = await s.infer(tensor([None, 1, 2, 3])), await s.infer(tensor([0, 1, 2, 3]))
        assert outputs(with_null)["logits"] == outputs(with_zero)["logits"]

    serving(check)


def test_an_image_keeps_to_its_shape_and_pixel_range(serving):
    async def check(s):
        image = np.arange(64).reshape(1, 1, 8, 8) % 17
        answer = await s.infer(tensor(image.tolist(), (1, 1, 8, 8), name="image", datatype="UINT8"))
        assert answer.status_code == 200
        np.testing.assert_allclose(outputs(answer)["logits"]["data"], expected_logits(image, 10)[0], atol=1e-4)
        bright = await s.infer(tensor([255] * 64, (1, 1, 8, 8), name="image"))
        assert bright.status_code == 400
        assert "0 to 16" in bright.json()["error"]
        flat = await s.infer(tensor([1] * 64, (1, 64), name="image"))
        assert flat.status_code == 400
        assert "[N, 1, 8, 8]" in flat.json()["error"]

    serving(check, signature=DIGITS)


def test_open_endpoints_need_no_key_and_are_not_metered(serving):
    async def check(s):
        for path in ("/v2/health/live", "/v2/health/ready", "/v2", "/v2/models/iris/ready", "/v2/models/iris/versions/1/ready"):
            assert (await s.client.get(s.prefix + path)).status_code == 200
        assert (await s.client.get(f"{s.prefix}/v2")).json()["extensions"] == ["binary_tensor_data"]
        assert (await s.client.get(f"{s.prefix}/v2/models/other/ready")).status_code == 404
        assert (await s.client.post(f"{s.prefix}/v2/health/live")).status_code == 405

    assert serving(check) == []


def test_model_metadata_tells_names_shapes_and_classes(serving):
    async def check(s):
        assert (await s.client.get(f"{s.prefix}/v2/models/iris")).status_code == 401
        metadata = (await s.client.get(f"{s.prefix}/v2/models/iris", headers={"X-API-Key": s.key})).json()
        assert metadata["name"] == "iris"
        assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}]
        assert [o["name"] for o in metadata["outputs"]] == ["label", "probabilities", "logits"]
        assert metadata["parameters"]["classes"] == IRIS.classes

    assert [(e.code, e.quantities) for e in serving(check)] == [(200, {})], "only predictions cost"


def test_who_is_let_in(serving):
    async def check(s):
        path = f"{s.prefix}/v2/models/iris/infer"
        foreign = s.keys.create("other")
        s.replica._follow_policy()
        wrong = s.key[:-1] + ("a" if s.key[-1] != "a" else "b")
        for headers, code in [
            ({}, 401),
            ({"Authorization": "Basic YTpi"}, 401),
            ({"X-API-Key": ""}, 401),
            ({"X-API-Key": wrong}, 401),
            ({"X-API-Key": "mrg_" + "x" * 10_000}, 401),
            ({"X-API-Key": foreign}, 403),
            ({"X-API-Key": s.key}, 200),
            ({"Authorization": f"bearer {s.key}"}, 200),
        ]:
            answer = await s.client.post(path, json=ONE, headers=headers)
            assert answer.status_code == code, headers
            if code == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
        assert (await s.client.get(f"{s.prefix}/nowhere", headers={"X-API-Key": s.key})).status_code == 404
        assert (await s.client.get(path, headers={"X-API-Key": s.key})).status_code == 405
        assert (await s.infer(ONE, model="other")).status_code == 404
        assert (await s.client.post(path, content=b"{}", headers={"X-API-Key": s.key, "Content-Type": "text/csv"})).status_code == 415
        assert (await s.infer(ONE, headers={"Content-Encoding": "gzip"})).status_code == 415

    events = serving(check)
    assert [(e.tenant, e.code) for e in events] == [("other", 403)] + [("acme", c) for c in (200, 200, 404, 405, 404, 415, 415)]
    assert len({e.id for e in events}) == len(events)


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "application/json; charset=utf-8", "APPLICATION/JSON", ""])
def test_json_may_come_under_the_type_that_curl_gives_it(serving, media):
    async def check(s):
        assert (await s.infer(ONE, headers={"Content-Type": media})).status_code == 200
        assert (await s.infer({}, headers={"Content-Type": media})).status_code == 400

    serving(check)


def test_beyond_the_limit_is_429_with_retry_after_and_metered_without_quantities(serving):
    def limit(keys):
        keys.limits["acme"] = RateLimit(requests_per_second=0.5, burst=2)

    async def check(s):
        codes = [(await s.infer(ONE)) for _ in range(4)]
        assert [c.status_code for c in codes] == [200, 200, 429, 429]
        assert codes[2].headers["retry-after"] == "2"

    assert [(e.code, bool(e.quantities)) for e in serving(check, prepare=limit)] == [(200, True), (200, True), (429, False), (429, False)]


def test_a_body_over_the_limit_is_413_and_is_not_read(serving):
    async def check(s):
        read = 0

        async def endless():
            nonlocal read
            for _ in range(800):
                read += 65536
                yield b"x" * 65536

        path = f"{s.prefix}/v2/models/iris/infer"
        headers = {"X-API-Key": s.key, "Content-Type": "application/json"}
        chunked = await s.client.post(path, content=endless(), headers=headers)
        assert chunked.status_code == 413
        assert "8388608" in chunked.json()["error"]
        assert read <= 9 * 2**20
        read = 0
        declared = await s.client.post(path, content=endless(), headers={**headers, "Content-Length": str(50 * 2**20)})
        assert declared.status_code == 413
        assert read == 0

    assert [e.code for e in serving(check)] == [413, 413]


def test_what_cannot_be_metered_is_not_answered(serving):
    async def check(s):
        s.replica._outbox.close()
        answer = await s.infer(ONE)
        assert answer.status_code == 503
        assert "metered" in answer.json()["error"]
        assert "probabilities" not in answer.text
        page = (await s.client.get(f"{s.prefix}/metrics")).text
        assert 'moorage_metering_failures_total{model="iris"} 1.0' in page

    assert serving(check) == []


def test_metrics_count_answers_and_hold_no_key(serving):
    async def check(s):
        for _ in range(3):
            await s.infer(ONE)
        await s.infer({})
        await s.client.post(f"{s.prefix}/v2/models/iris/infer", json=ONE)
        page = (await s.client.get(f"{s.prefix}/metrics")).text
        assert 'moorage_requests_total{code="200",model="iris",tenant="acme"} 3.0' in page
        assert 'moorage_requests_total{code="400",model="iris",tenant="acme"} 1.0' in page
        assert 'moorage_requests_total{code="401",model="iris",tenant=""} 1.0' in page
        assert 'moorage_rows_predicted_total{model="iris",tenant="acme"} 3.0' in page
        assert 'moorage_request_seconds_count{model="iris"} 5.0' in page
        assert 'moorage_outbox_events{model="iris"} 4.0' in page
        assert "mrg_" not in page

    serving(check)


def test_the_log_names_the_refusal_and_only_the_prefix_of_a_key(serving, caplog):
    import logging

    async def check(s):
        logging.getLogger("moorage").propagate = True
        with caplog.at_level("WARNING", logger="moorage.serving"):
            await s.infer(tensor([1, 2, 3, "secret value"]))
        line = json.loads(caplog.records[-1].getMessage())
        assert (line["status"], line["key"], line["service"]) == (400, s.key[:12], "default/iris")
        assert s.key not in caplog.text

    serving(check)
