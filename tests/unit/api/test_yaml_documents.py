"""YAML means what it means to kubectl, and a hostile file costs little."""

import math
import time
from typing import Any

import pytest

from moorage_api.yaml_documents import MAX_DEPTH, MAX_VALUES, NotYaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E3", 1000),
        ("1.0", 1),
        ("-.5", -0.5),
        ("5.", 5),
        ("017", 15),
        ("-017", -15),
        ("0o17", 15),
        ("08", 8),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("+1", 1),
        ("1e400", "1e400"),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        (".8_", ".8_"),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("yes", True),
        ("No", False),
        ("ON", True),
        ("off", False),
        ("y", True),
        ("N", False),
        ("'yes'", "yes"),
        ("yEs", "yEs"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("2026-01-31", "2026-01-31"),
        ("12:30", "12:30"),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("1e", "1e"),
        ("!!str 1", "1"),
        ("!!int '7'", 7),
        ("!!float 1", 1),
        ("|\n  text", "text\n"),
    ],
)
def test_a_scalar_means_what_kubectl_makes_of_it(text: str, value: Any) -> None:
    [document] = read_yaml(f"value: {text}\n")
    assert document == {"value": value}
    assert type(document["value"]) is type(value)


def test_not_a_number_is_kept_for_the_field_to_refuse() -> None:
    assert math.isnan(read_yaml("a: .nan")[0]["a"])


def test_a_merged_mapping_gives_way_to_the_mappings_own_keys() -> None:
    text = "a: &a {p: 1, q: 2}\nb: &b {p: 3, r: 4}\nc: {<<: [*a, *b], q: 5}"
    assert read_yaml(text)[0]["c"] == {"p": 1, "q": 5, "r": 4}


def test_empty_documents_are_left_out() -> None:
    assert read_yaml("---\n---\na: 1\n---\n# nothing\n") == [{"a": 1}]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\na: 2", "the key 'a' is given twice, line 2, column 1"),
        ("1: a", "the key 1 is not a text; quote it, line 1"),
        ("on: a", "the key True is not a text; quote it"),
        ("[a]: b", r"the key \['a'\] is not a text"),
        ("? {a: b}\n: c", "is not a text"),
        ("a: !!python/object/apply:os.system [x]", "the tag .*os.system is not known, line 1"),
        ("a: !mine x", "the tag !mine is not known"),
        ("a: !!int x", "'x' is not what its tag"),
        ("a: *b", r"\*b has no anchor before it"),
        ("a: &a [*a]", r"\*a has no anchor before it"),
        ("a: {<<: 5}", "<< takes a mapping"),
        ("a: \x00", "control characters|not allowed"),
        ("\ta: 1", "cannot start any token"),
        ("a: [1", "expected ',' or ']'"),
        ("a: b: c", "mapping values are not allowed"),
        ("[" * 1_000_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("a: " * 200, "mapping values are not allowed"),
        ("{a: " * 200, f"nested deeper than {MAX_DEPTH} levels"),
        ("- 1\n" * (MAX_VALUES + 1), f"more than {MAX_VALUES} values"),
    ],
)
def test_what_kubectl_would_not_take_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(NotYaml, match=complaint):
        read_yaml(text)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    started = time.monotonic()
    with pytest.raises(NotYaml, match="counting each alias"):
        read_yaml("\n".join(lines))
    assert time.monotonic() - started < 1


def test_four_megabytes_of_brackets_take_no_time() -> None:
    started = time.monotonic()
    for text in ("[" * 4_000_000, "{" * 4_000_000, "- " * 2_000_000, "a: &a " * 600_000, "? " * 2_000_000):
        with pytest.raises(NotYaml):
            read_yaml(text)
    assert time.monotonic() - started < 20
