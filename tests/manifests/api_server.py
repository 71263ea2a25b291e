"""What an API server says of a manifest, worked out from the CustomResourceDefinition alone.

Independent of the models: structural schema by jsonschema (draft 4, of which apiextensions v1 is a subset), defaults and
nulls by the rules of apiextensions, CEL by cel-python. For the tiers that have no API server at hand.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from typing import Any

import celpy
import jsonschema
from celpy import celtypes

ENVIRONMENT = celpy.Environment()
"""Made once, at import: it raises the interpreter's recursion limit."""
Complaint = tuple[str, str]
"""Path and message."""


def complaints(definition: dict[str, Any], manifest: dict[str, Any]) -> list[Complaint]:
    """Everything that an API server with strict field validation has against `manifest`; empty if it is accepted."""
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found = list(_unknown_fields(schema, manifest, ""))
    stored = with_defaults(schema, manifest)
    found += list(_schema_errors(schema, stored)) + list(_repetitions(schema, stored, ""))
    return found or [(path, message) for path, _, message, holds in rule_verdicts(schema, stored, "") if not holds]


def with_defaults(schema: dict[str, Any], value: Any) -> Any:
    """A copy of `value` with the defaults put in and the nulls of fields taken out."""
    if isinstance(value, list) and "items" in schema:
        return [with_defaults(schema["items"], item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    present = {key: item for key, item in value.items() if item is not None or key not in properties}
    defaults = {key: copy.deepcopy(child["default"]) for key, child in properties.items() if "default" in child}
    return {key: with_defaults(properties.get(key, {}), item) for key, item in (defaults | present).items()}


def rule_verdicts(schema: dict[str, Any], value: Any, path: str) -> Iterator[tuple[str, str, str, bool]]:
    """Of every CEL rule on `value` and below: the path to change, the rule, its message and whether it holds."""
    for rule in schema.get("x-kubernetes-validations", []):
        holds = bool(_evaluate(rule["rule"], schema, value))
        words = rule["message"] if "message" in rule else str(_evaluate(rule["messageExpression"], schema, value))
        yield f"{path}{rule['fieldPath']}".lstrip("."), rule["rule"], words, holds
    if isinstance(value, dict):
        for key, child in schema.get("properties", {}).items():
            if key in value:
                yield from rule_verdicts(child, value[key], f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from rule_verdicts(schema["items"], item, f"{path}[{index}]")


def _unknown_fields(schema: dict[str, Any], value: Any, path: str) -> Iterator[Complaint]:
    if isinstance(value, dict) and "properties" in schema and path != "metadata":
        for key, item in value.items():
            below = f"{path}.{key}".lstrip(".")
            if key in schema["properties"]:
                yield from _unknown_fields(schema["properties"][key], item, below)
            elif not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield below, "unknown field"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_fields(schema.get("items", {}), item, f"{path}[{index}]")


def _schema_errors(schema: dict[str, Any], value: Any) -> Iterator[Complaint]:
    for error in jsonschema.Draft4Validator(schema).iter_errors(value):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        if error.validator == "required":
            path += "".join(f".{name}" for name in error.validator_value if name not in error.instance)
        yield path.lstrip("."), error.message


def _repetitions(schema: dict[str, Any], value: Any, path: str) -> Iterator[Complaint]:
    if isinstance(value, dict):
        for key, child in schema.get("properties", {}).items():
            if key in value:
                yield from _repetitions(child, value[key], f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        kind, seen = schema.get("x-kubernetes-list-type"), []
        for index, item in enumerate(value):
            yield from _repetitions(schema.get("items", {}), item, f"{path}[{index}]")
            keys = schema["x-kubernetes-list-map-keys"] if kind == "map" and isinstance(item, dict) else None
            identity = [item.get(key) for key in keys] if keys else item
            if kind in ("map", "set") and identity in seen:
                yield f"{path}[{index}]", "Duplicate value"
            seen.append(identity)


def _evaluate(expression: str, schema: dict[str, Any], value: Any) -> Any:
    return _program(expression).evaluate({"self": _typed(schema, value)})


@functools.cache
def _program(expression: str) -> Any:
    # isSorted() is of Kubernetes' own list library.
    functions = {"isSorted": lambda items: celtypes.BoolType(list(items) == sorted(items))}
    return ENVIRONMENT.program(ENVIRONMENT.compile(expression), functions=functions)


def _typed(schema: dict[str, Any], value: Any) -> Any:
    """`value` in CEL's types: the schema says whether a number is an int or a double."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return celtypes.MapType({celtypes.StringType(k): _typed(properties.get(k, {}), v) for k, v in value.items()})
    if isinstance(value, list):
        return celtypes.ListType([_typed(schema.get("items", {}), item) for item in value])
    if schema.get("type") == "number":
        return celtypes.DoubleType(value)
    return celpy.json_to_cel(value)
