"""Tensors survive the way there and back, and no bytes at all can make a replica fail."""

import json

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_scenario import DIGITS, IRIS, LOANS

from moorage_serving.model.input_matrix import InputMatrix
from moorage_serving.model.loaded_model import scores_of
from moorage_serving.protocol import binary_values
from moorage_serving.protocol.infer_request import RequestedOutput, parse_infer
from moorage_serving.protocol.infer_response import OUTPUTS, ResponseWriter, prediction_of
from moorage_serving.protocol.tensor import NUMERIC
from moorage_serving.refusal import Refusal

shapes = arrays.array_shapes(min_dims=1, max_dims=3, max_side=4)
numeric = st.sampled_from(sorted(NUMERIC)).flatmap(
    lambda name: (
        st.tuples(st.just(name), arrays.arrays(NUMERIC[name], shapes, elements={"allow_nan": False, "allow_infinity": False}))
        if name.startswith("FP")
        else st.tuples(st.just(name), arrays.arrays(NUMERIC[name], shapes))
    )
)


def json_request(datatype, shape, data):
    tensor = {"name": "x", "datatype": datatype, "shape": list(shape), "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


def binary_request(datatype, shape, raw):
    tensor = {"name": "x", "datatype": datatype, "shape": list(shape), "parameters": {"binary_data_size": len(raw)}}
    text = json.dumps({"inputs": [tensor]}).encode()
    return text + raw, len(text)


@given(numeric, st.booleans())
def test_numbers_round_trip(pair, nested):
    datatype, values = pair
    data = values.tolist() if nested else values.ravel().tolist()
    found = parse_infer(json_request(datatype, values.shape, data), None).inputs[0]
    np.testing.assert_array_equal(found.values, values)
    found = parse_infer(*binary_request(datatype, values.shape, binary_values.encode(values, datatype))).inputs[0]
    np.testing.assert_array_equal(found.values, values)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_texts_round_trip(texts):
    assert parse_infer(json_request("BYTES", [len(texts)], texts), None).inputs[0].values == texts
    request = binary_request("BYTES", [len(texts)], binary_values.encode(texts, "BYTES"))
    assert parse_infer(*request).inputs[0].values == texts


logits = arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-(2.0**100), 2.0**100, width=32))


@given(logits, st.one_of(st.none(), st.text(max_size=10)), st.sets(st.sampled_from(OUTPUTS), min_size=1), st.booleans())
def test_answers_are_json_and_carry_every_value(values, request_id, names, binary):
    prediction = prediction_of(scores_of(values), IRIS.classes)
    np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1, atol=1e-5)
    wanted = [RequestedOutput(n, binary) for n in sorted(names)]
    body = ResponseWriter('a "model"', "1", IRIS.classes).write(prediction, request_id, wanted, False)
    document = json.loads(body.content[: body.header_length])
    assert document.get("id") == request_id
    raw = memoryview(body.content)[body.header_length if body.header_length is not None else len(body.content) :]
    for output in document["outputs"]:
        expected = {"label": prediction.labels, "probabilities": prediction.probabilities, "logits": prediction.logits}[output["name"]]
        if binary:
            size = output["parameters"]["binary_data_size"]
            found = binary_values.decode(raw[:size], output["datatype"], tuple(output["shape"]), "x")
            raw = raw[size:]
        else:
            found = output["data"] if output["name"] == "label" else np.array(output["data"], np.float32).reshape(output["shape"])
        np.testing.assert_array_equal(found, expected)
    assert len(raw) == 0


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
words = st.sampled_from(["features", "image", "amount", "purpose", "FP32", "INT64", "BYTES", "BOOL", "car", 1, 2, 4, -1, 0.5, None, True])
near_misses = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(words, json_values),
        "datatype": st.one_of(words, json_values),
        "shape": st.one_of(st.lists(st.integers(0, 4), max_size=4), json_values),
        "data": st.one_of(st.lists(words, max_size=8), json_values),
        "parameters": st.one_of(st.fixed_dictionaries({"binary_data_size": st.one_of(st.integers(-1, 40), json_values)}), json_values),
    },
)
documents = st.fixed_dictionaries(
    {"inputs": st.one_of(st.lists(st.one_of(near_misses, json_values), max_size=3), json_values)},
    optional={"id": json_values, "outputs": json_values, "parameters": json_values},
)


def read_everything(body, header_length):
    """Parse and read against each signature: an answer or a refusal, and nothing else."""
    request = answer_or_refusal(parse_infer, body, header_length)
    if request is None:
        return
    answer_or_refusal(ResponseWriter("m", "1", ["a"]).check, request.outputs)
    for signature in (IRIS, DIGITS, LOANS):
        rows = answer_or_refusal(InputMatrix(signature).read, request.inputs)
        if rows is not None:
            assert rows.dtype == np.float32
            assert rows.shape[1:] == tuple(signature.shape)


def answer_or_refusal(function, *arguments):
    """The result, or None if it was refused in the way that callers are told of."""
    try:
        return function(*arguments)
    except Refusal as refusal:
        status, text = refusal.status, str(refusal)
    assert status == 400
    assert len(text) < 1000
    return None


@given(st.binary(max_size=200), st.one_of(st.none(), st.integers(0, 300)))
def test_no_bytes_make_it_fail(body, header_length):
    read_everything(body, header_length)


@settings(max_examples=300)
@given(documents, st.binary(max_size=40), st.booleans())
def test_no_document_makes_it_fail(document, raw, binary):
    text = json.dumps(document).encode()
    read_everything(text + raw if binary else text, len(text) if binary else None)
