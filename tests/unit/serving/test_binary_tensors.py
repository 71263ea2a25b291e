"""The binary tensor extension, against bytes that tritonclient itself writes and reads."""

import numpy as np
import pytest
import tritonclient.http as triton
from serving_scenario import IRIS, expected_logits

from moorage_serving.protocol import binary_values
from moorage_serving.protocol.infer_request import parse_infer
from moorage_serving.protocol.tensor import NUMERIC
from moorage_serving.refusal import Refusal

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [1, 2, 3, 4]], dtype=np.float32)


def request_of(inputs, outputs=None):
    body, header_length = triton.InferenceServerClient.generate_request_body(inputs, outputs=outputs)
    return bytes(body), header_length


def tensor(name, values, datatype, binary=True):
    tensor = triton.InferInput(name, values.shape, datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


@pytest.mark.parametrize("datatype", sorted(set(NUMERIC)))
@pytest.mark.parametrize("binary", [True, False])
def test_numbers_from_tritonclient(datatype, binary):
    values = np.array([[0, 1], [1, 0], [1, 1]]).astype(NUMERIC[datatype])
    body, header_length = request_of([tensor("x", values, datatype, binary)])
    found = parse_infer(body, header_length).inputs[0]
    np.testing.assert_array_equal(found.values, values)
    assert found.values.dtype == NUMERIC[datatype]


@pytest.mark.parametrize("binary", [True, False])
def test_texts_from_tritonclient(binary):
    values = np.array(["car", "", "größer"], dtype=np.object_)
    body, header_length = request_of([tensor("purpose", values, "BYTES", binary)])
    assert parse_infer(body, header_length).inputs[0].values == ["car", "", "größer"]


def test_tritonclient_reads_the_binary_answer(serving):
    async def check(s):
        body, header_length = request_of([tensor("features", ROWS, "FP32")])
        headers = {"X-API-Key": s.key, "Inference-Header-Content-Length": str(header_length), "Content-Type": "application/octet-stream"}
        answer = await s.client.post(f"{s.prefix}/v2/models/iris/infer", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        result = triton.InferenceServerClient.parse_response_body(
            answer.content, header_length=int(answer.headers["inference-header-content-length"])
        )
        logits = expected_logits(ROWS, 3)
        np.testing.assert_allclose(result.as_numpy("logits"), logits, atol=1e-5)
        assert [b.decode() for b in result.as_numpy("label")] == [IRIS.classes[i] for i in logits.argmax(axis=1)]

    serving(check)


@pytest.mark.parametrize(
    ("raw", "datatype", "shape"),
    [
        (b"123", "FP32", (1,)),
        (b"12345678", "FP32", (1,)),
        (b"", "BYTES", (1,)),
        (b"\x02\0\0\0a", "BYTES", (1,)),
        (b"\xff\xff\xff\xffa", "BYTES", (1,)),
        (b"\x01\0\0\0ab", "BYTES", (1,)),
        (b"\x01\0\0\0\xff", "BYTES", (1,)),
    ],
)
def test_bytes_that_do_not_fit_are_refused(raw, datatype, shape):
    with pytest.raises(Refusal) as refused:
        binary_values.decode(memoryview(raw), datatype, shape, "inputs[0].parameters.binary_data_size")
    assert refused.value.status == 400


@pytest.mark.parametrize("size", [0, 8, 15, 17, 1000])
def test_a_wrong_binary_size_is_refused(size):
    text = b'{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"parameters":{"binary_data_size":%d}}]}' % size
    with pytest.raises(Refusal, match="binary"):
        parse_infer(text + bytes(16), len(text))


def test_a_header_longer_than_the_body_is_refused():
    with pytest.raises(Refusal, match="Inference-Header-Content-Length"):
        parse_infer(b"{}", 3)
