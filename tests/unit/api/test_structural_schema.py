"""What pydantic emits and an API server refuses is rewritten, or stops the generation with the field's path."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from moorage_api.base import AnyMapping, ApiModel, Count, Rule, Text
from moorage_api.crd.refusal import SchemaRefused
from moorage_api.crd.regular_expression import why_not_re2
from moorage_api.crd.structural_schema import structural_schema
from moorage_api.unique import UniqueItems


class Inner(ApiModel):
    """An inner object."""

    rules = (Rule(".size", "self.size > 0", lambda i: i.size > 0, "size must be above 0"),)

    size: Count = 3
    """How large."""
    label: Text | None = None
    """What it is called."""


def schema_of(annotation: Any, default: Any = ..., description: str = "A field.") -> dict[str, Any]:
    """The structural schema of a model with the one field `value`."""
    field = Field(description=description) if default is ... else Field(default, description=description)
    model = type("Model", (ApiModel,), {"__annotations__": {"value": annotation}, "value": field, "__module__": __name__})
    return structural_schema(model.model_json_schema(by_alias=True))


def field_schema(annotation: Any, default: Any = ...) -> dict[str, Any]:
    return schema_of(annotation, default)["properties"]["value"]


def test_a_reference_is_put_in_place_and_keeps_the_fields_own_description_and_rules() -> None:
    found = field_schema(Inner)
    assert found["description"] == "A field."
    assert found["properties"]["size"]["maximum"] == 2**53
    assert found["x-kubernetes-validations"] == [{"rule": "self.size > 0", "fieldPath": ".size", "message": "size must be above 0"}]


def test_a_union_with_null_becomes_an_optional_field_without_a_default() -> None:
    whole = schema_of(Annotated[int, Field(ge=1, le=9)] | None, None)
    assert whole["properties"]["value"] == {
        "description": "A field.",
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": 9,
    }
    assert "required" not in whole


def test_numeric_exclusive_bounds_become_booleans_beside_the_bounds() -> None:
    found = field_schema(Annotated[float, Field(gt=0, lt=1)])
    assert (found["minimum"], found["exclusiveMinimum"], found["maximum"], found["exclusiveMaximum"]) == (0, True, 1, True)


def test_the_tighter_of_an_inclusive_and_an_exclusive_bound_stays() -> None:
    raw = {"type": "number", "minimum": 1, "exclusiveMinimum": 0, "maximum": 5, "exclusiveMaximum": 5}
    assert structural_schema(raw) == {"type": "number", "minimum": 1, "maximum": 5, "exclusiveMaximum": True}


def test_additional_properties_false_is_dropped() -> None:
    assert "additionalProperties" not in schema_of(Inner)


def test_a_constant_becomes_an_enum_of_one() -> None:
    assert field_schema(Literal["Only"])["enum"] == ["Only"]


def test_titles_go_and_descriptions_are_one_line() -> None:
    whole = schema_of(Text, ..., "Two\n    lines.")
    assert whole["properties"]["value"]["description"] == "Two lines."
    assert "title" not in repr(whole)


def test_an_open_mapping_preserves_unknown_fields() -> None:
    assert field_schema(AnyMapping | None, None) == {
        "description": "A field.",
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }


def test_unique_items_become_list_types() -> None:
    names = field_schema(Annotated[list[Text], Field(max_length=3), UniqueItems()])
    items = field_schema(Annotated[list[Inner], Field(max_length=3), UniqueItems("size")])
    assert names["x-kubernetes-list-type"] == "set"
    assert (items["x-kubernetes-list-type"], items["x-kubernetes-list-map-keys"]) == ("map", ["size"])


def test_a_default_object_is_whole_and_holds_no_null() -> None:
    assert field_schema(Inner, Inner(size=4))["default"] == {"size": 4}


Recursive = type("Recursive", (ApiModel,), {"__annotations__": {"child": "Recursive | None"}, "child": None, "__module__": __name__})


class Cat(ApiModel):
    kind: Literal["Cat"]


class Dog(ApiModel):
    kind: Literal["Dog"]


@pytest.mark.parametrize(
    ("annotation", "default", "complaint"),
    [
        (float | Text, ..., r"value: a union \(number \| string\) has no structural schema"),
        (Annotated[Cat | Dog, Field(discriminator="kind")], ..., "value: a discriminated union has no structural schema"),
        (tuple[int, int], ..., "value: a tuple has no structural schema"),
        (Recursive, ..., "value.child: recursive: Recursive -> Recursive"),
        (str, ..., "value: has no maxLength"),
        (list[Text], ..., "value: has no maxItems"),
        (dict[str, float], ..., "value: has no maxProperties"),
        (Annotated[list[str], Field(max_length=2)], ..., r"value\[\]: has no maxLength"),
        (Annotated[int, Field(ge=0)], ..., "value: an integer needs a minimum and a maximum"),
        (Annotated[int, Field(ge=0, le=2**63)], ..., "value: an integer has at most 64 bits"),
        (Annotated[int, Field(ge=1, le=9)], 0, "value: the default 0 is outside its bounds"),
        (Annotated[float, Field(gt=0, lt=1)], 1.0, "value: the default 1.0 is outside its bounds"),
        (Literal["A", "B"], "C", "value: the default 'C' is not in"),
        (Text, "", "value: the default has 0 length, outside its bounds"),
        (Annotated[list[Text], Field(max_length=1)], ["a", "b"], "value: the default has 2 items, outside its bounds"),
        (Annotated[str, Field(max_length=9, pattern="^a$")], "b", r"value: the default 'b' does not match \^a\$"),
        (Text, 5, "value: the default 5 is not of type string"),
        (Annotated[int, Field(ge=0, le=9)], True, "value: the default True is not of type integer"),
        (Annotated[str, Field(max_length=9, json_schema_extra={"format": "email"})], ..., "value: the format email is not known"),
        (Annotated[list[Text], Field(max_length=9, json_schema_extra={"uniqueItems": True})], ..., "the keyword uniqueItems has no place"),
        (Annotated[str, Field(max_length=9, pattern=r"^[0-9]+\d$")], ..., r"unicode class '\\\\d' means all of Unicode"),
        (Any, ..., "value: has no type"),
    ],
)
def test_what_has_no_structural_form_is_refused_with_its_path(annotation: Any, default: Any, complaint: str) -> None:
    with pytest.raises(SchemaRefused, match=complaint):
        schema_of(annotation, default)


def test_a_required_field_with_a_default_is_refused() -> None:
    raw = {"type": "object", "required": ["a"], "properties": {"a": {"type": "boolean", "default": True}}}
    with pytest.raises(SchemaRefused, match="a: required, and has a default"):
        structural_schema(raw)


@pytest.mark.parametrize(
    "pattern",
    [
        r"a(?=b)",
        r"a(?!b)",
        r"(?<=a)b",
        r"(?<!a)b",
        r"(a)\1",
        r"(?P<x>a)(?P=x)",
        r"(?>a)",
        r"a++",
        r"a*+",
        r"a?+",
        r"a{2}+",
        r"a**",
        r"a{2}{3}",
        r"a+?*",
        r"[a&&b]",
        r"[a[b]]",
        r"a\Z",
        r"\w",
        r"[\d]",
    ],
)
def test_a_pattern_that_re2_lacks_or_reads_otherwise_is_found(pattern: str) -> None:
    assert why_not_re2(pattern) is not None


@pytest.mark.parametrize(
    "pattern", [r"^a+$", r"\\1", r"\.", r"[(?=]", r"[*+]+", r"(?:a|b)*", r"a+?", r"a??", r"a{2}?", r"\+\+", r"[a-z]{2}", r"[^]a]", r"\(\?="]
)
def test_a_pattern_that_re2_reads_alike_is_let_through(pattern: str) -> None:
    assert why_not_re2(pattern) is None
