"""Records as people type them become requests, or a message that says what the model takes."""

import math

import pytest

from moorage_api.artifact import Signature
from moorage_api.errors import InvalidInput
from moorage_cli.records_given import read_input, request_of

TABLE = Signature.from_wire(
    {
        "input": "features",
        "shape": [2],
        "features": [{"name": "age", "type": "Number"}, {"name": "town", "type": "Category", "categories": ["a", "b"]}],
        "classes": ["no", "yes"],
    }
)
IMAGE = Signature.from_wire({"input": "image", "shape": [1, 2, 2], "classes": ["0", "1"]})


def test_rows_flat_or_nested():
    assert request_of("[[1, 0], [2, 1]]", TABLE)["inputs"][0] | {"data": 0} == {
        "name": "features",
        "datatype": "FP32",
        "shape": [2, 2],
        "data": 0,
    }
    assert request_of("[1, 0]", TABLE)["inputs"][0]["shape"] == [1, 2]
    assert request_of("[[[[1, 2], [3, 4]]]]", IMAGE)["inputs"][0]["data"] == [1, 2, 3, 4]


def test_objects_and_csv_by_column():
    by_object = request_of('[{"age": 3, "town": "a", "label": "yes"}, {"age": null, "town": "b"}]', TABLE)
    assert [t["name"] for t in by_object["inputs"]] == ["age", "town"]
    assert by_object["inputs"][1]["data"] == ["a", "b"]
    assert math.isnan(by_object["inputs"][0]["data"][1])
    by_csv = request_of("town,age\na,3\nb,4\n", TABLE)
    assert by_csv["inputs"][0]["data"] == [3.0, 4.0]


def test_a_whole_request_goes_as_it_is():
    assert request_of('{"inputs": []}', TABLE) == {"inputs": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1]]", r"takes 2 values a record \(got 1 values\); a record is age, town"),
        ('[["x", 1]]', "not a number"),
        ('[{"age": 1}]', "column town is missing"),
        ('[{"age": "x", "town": "a"}]', r"--input\[0\].age: not a number"),
        ("[", "not JSON"),
        ("[]", "holds no record"),
        ("age,town\n", "holds no record"),
    ],
)
def test_wrong_records(text, message):
    with pytest.raises(InvalidInput, match=message):
        request_of(text, TABLE)


def test_columns_for_an_image_and_a_missing_file():
    with pytest.raises(InvalidInput, match="takes images, not columns"):
        request_of('[{"a": 1}]', IMAGE)
    with pytest.raises(InvalidInput, match="cannot read"):
        read_input("/no/such/file.csv")
