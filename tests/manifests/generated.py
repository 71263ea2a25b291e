"""Hypothesis strategies for manifests that a structural schema lets through, so that only the rules over fields decide."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SAMPLES = {
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": ["a", "acme", "a-1", "a" * 47, "a" * 48],
    r"^sha256:[0-9a-f]{64}$": ["sha256:" + "0" * 64],
    r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?$": ["0", "1.5", "0.000000001"],
    "^[1-9][0-9]*(Mi|Gi)$": ["1Gi"],
    "^[A-Z]{3}$": ["EUR"],
    r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$": ["mine:Task"],
}
"""What stands for the strings of a pattern; the patterns themselves have a test of their own."""
WORDS = ["a", "b", "c"]
MAX_ITEMS = 4


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that `schema` accepts before its rules, few and close together so that they collide."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"]
    if kind == "object":
        return _objects(schema)
    if kind == "array":
        unique = {"set": lambda item: item, "map": lambda item: item[schema["x-kubernetes-list-map-keys"][0]]}
        by = unique.get(schema.get("x-kubernetes-list-type", ""))
        size = {"min_size": schema.get("minItems", 0), "max_size": min(schema["maxItems"], MAX_ITEMS)}
        return st.lists(values(schema["items"]), **size) if by is None else st.lists(values(schema["items"]), unique_by=by, **size)
    if kind == "string":
        return st.sampled_from(SAMPLES[schema["pattern"]] if "pattern" in schema else WORDS)
    if kind == "boolean":
        return st.booleans()
    return st.sampled_from(_numbers(schema))


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return st.just({"any": 1})
    children = {name: values(child) for name, child in schema.get("properties", {}).items()}
    required = set(schema.get("required", []))
    return st.fixed_dictionaries(
        {name: child for name, child in children.items() if name in required},
        optional={name: child for name, child in children.items() if name not in required},
    )


def _numbers(schema: dict[str, Any]) -> list[int | float]:
    low, high = schema.get("minimum", -2), schema.get("maximum", 2)
    if schema["type"] == "integer":
        return sorted({low, min(low + 1, high), min(low + 2, high), high})
    inner = [low + (high - low) * share for share in (0.25, 0.5)]
    edges = ([] if schema.get("exclusiveMinimum") else [low]) + ([] if schema.get("exclusiveMaximum") else [high])
    return [*inner, *edges]
