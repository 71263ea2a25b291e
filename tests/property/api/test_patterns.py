"""A pattern of the models means the same to pydantic (Rust's regex) and to an API server (RE2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter, ValidationError

from moorage_api.crd.definition import NAMES, resource_schema
from moorage_api.crd.regular_expression import why_not_re2


def patterns_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for value in schema.values():
            yield from patterns_in(value)


PATTERNS = sorted({pattern for kind in NAMES for pattern in patterns_in(resource_schema(kind))})
TYPES = {pattern: TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]) for pattern in PATTERNS}


def pydantic_takes(pattern: str, text: str) -> bool:
    try:
        TYPES[pattern].validate_python(text)
    except ValidationError:
        return False
    return True


def test_there_are_patterns_to_compare() -> None:
    assert len(PATTERNS) >= 6


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_both_engines_take_the_same_texts(pattern: str, data: st.DataObject) -> None:
    near = data.draw(st.from_regex(pattern))
    edit = data.draw(st.sampled_from(["", "\n", "é", "٣", "A", "-", ".", " ", "0"]))
    place = data.draw(st.integers(0, len(near)))
    text = near[:place] + edit + near[place:]
    assert pydantic_takes(pattern, text) == (re2.search(pattern, text) is not None), repr(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(list("ab()[]*+?{}|^$.\\1=!<:P2,-kZdw>")), max_size=8).map("".join))
def test_a_pattern_that_is_let_through_compiles_in_re2_if_it_compiles_in_rust(pattern: str) -> None:
    try:
        TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]).validate_python("")
    except ValidationError:
        pass
    except Exception:
        return
    if why_not_re2(pattern) is None:
        options = re2.Options()
        options.log_errors = False
        re2.compile(pattern, options)
