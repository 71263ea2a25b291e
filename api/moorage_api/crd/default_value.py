"""Defaults as an API server takes them: whole, and within their own bounds."""

from __future__ import annotations

import re
from typing import Any

from moorage_api.crd.refusal import SchemaRefused

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def complete(node: dict[str, Any], value: Any) -> Any:
    """`value` without nulls and with the defaults of `node`'s own fields.

    An API server would fill these in by itself, but evaluates CEL rules on a default as it is written.
    """
    if isinstance(value, list):
        return [complete(node.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = node.get("properties", {})
    defaults = {name: child["default"] for name, child in properties.items() if "default" in child}
    return defaults | {key: complete(properties.get(key, {}), item) for key, item in value.items() if item is not None}


def check_fits(node: dict[str, Any], value: Any, path: str) -> None:
    """Raise SchemaRefused unless the structural schema `node` accepts the default `value`."""
    if not isinstance(value, _TYPES[node["type"]]) or (isinstance(value, bool) and node["type"] != "boolean"):
        raise SchemaRefused(path, f"the default {value!r} is not of type {node['type']}")
    if "enum" in node and value not in node["enum"]:
        raise SchemaRefused(path, f"the default {value!r} is not in {node['enum']}")
    if isinstance(value, dict):
        _check_object(node, value, path)
    elif isinstance(value, list):
        _check_size(node, len(value), "Items", path)
        for item in value:
            check_fits(node["items"], item, f"{path}[]")
    elif isinstance(value, str):
        _check_size(node, len(value), "Length", path)
        if "pattern" in node and re.search(node["pattern"], value) is None:
            raise SchemaRefused(path, f"the default {value!r} does not match {node['pattern']}")
    elif isinstance(value, int | float):
        _check_bounds(node, value, path)


def _check_object(node: dict[str, Any], value: dict[str, Any], path: str) -> None:
    for name in node.get("required", []):
        if name not in value:
            raise SchemaRefused(path, f"the default lacks the required field {name}")
    for key, item in value.items():
        below = node.get("properties", {}).get(key) or node.get("additionalProperties")
        if below is not None:
            check_fits(below, item, f"{path}.{key}")


def _check_size(node: dict[str, Any], size: int, what: str, path: str) -> None:
    if not node.get(f"min{what}", 0) <= size <= node.get(f"max{what}", size):
        raise SchemaRefused(path, f"the default has {size} {what.lower()}, outside its bounds")


def _check_bounds(node: dict[str, Any], value: float, path: str) -> None:
    low, high = node.get("minimum"), node.get("maximum")
    too_low = low is not None and (value < low or (node.get("exclusiveMinimum") and value == low))
    too_high = high is not None and (value > high or (node.get("exclusiveMaximum") and value == high))
    if too_low or too_high:
        raise SchemaRefused(path, f"the default {value!r} is outside its bounds")
