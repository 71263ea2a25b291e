"""pydantic's JSON Schema rewritten as a structural schema of apiextensions v1, or refused.

Rewritten: `$ref` (put in place), a union with null (the field is optional), numeric exclusive bounds (booleans beside
minimum and maximum, as in JSON Schema's draft 4), `const` (an enum of one), `additionalProperties: false` (an API server
refuses or prunes unknown fields by itself), `title` (dropped), defaults (nulls dropped, nested ones filled in).

Refused, with the field's path: other unions, discriminated ones too; tuples; recursion; patterns that RE2 lacks or reads
otherwise; a string, list, map or integer without bounds (CEL's cost could not be estimated); integers beyond 64 bits;
defaults outside their bounds or on a required field; formats and keywords that an API server ignores or rejects.
"""

from __future__ import annotations

from typing import Any

from moorage_api.crd.default_value import check_fits, complete
from moorage_api.crd.refusal import SchemaRefused
from moorage_api.crd.regular_expression import why_not_re2

Schema = dict[str, Any]

KUBERNETES_FORMATS = frozenset(
    {"int32", "int64", "float", "double", "byte", "date", "date-time", "duration", "uri", "uuid", "ipv4", "ipv6"}
)
_INT64 = range(-(2**63), 2**63)
_KEYWORDS = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
"""What a structural schema may hold, in the order in which it is written."""


def structural_schema(schema: Schema, path: str = "") -> Schema:
    """The structural schema of a model's JSON Schema. Raises SchemaRefused."""
    return _Rewriter(schema.get("$defs", {})).rewrite(schema, path, ())


class _Rewriter:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def rewrite(self, schema: Schema, path: str, parents: tuple[str, ...]) -> Schema:
        """`parents`: the names of the definitions that `schema` stands in, outermost first."""
        node, parents = self._in_place({key: value for key, value in schema.items() if key not in ("$defs", "title")}, path, parents)
        default = node.pop("default", None)
        _refuse_what_has_no_form(node, path)
        if "const" in node:
            node["enum"] = [node.pop("const")]
        _draft_4_bounds(node)
        self._rewrite_children(node, path, parents)
        _check_keywords(node, path)
        _check_bounds(node, path)
        if "description" in node:
            node["description"] = " ".join(node["description"].split())
        if default is not None:
            node["default"] = complete(node, default)
            check_fits(node, node["default"], path)
        return {keyword: node[keyword] for keyword in _KEYWORDS if keyword in node}

    def _in_place(self, node: Schema, path: str, parents: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """`node` without `$ref`, and without a union with null; what stands beside these wins over what they bring."""
        while "$ref" in node or "anyOf" in node:
            if "$ref" in node:
                name = node.pop("$ref").removeprefix("#/$defs/")
                if name in parents:
                    raise SchemaRefused(path, f"recursive: {' -> '.join((*parents[parents.index(name) :], name))}")
                parents = (*parents, name)
                inner = self._definitions[name]
            else:
                inner = _only_choice(node.pop("anyOf"), path)
            node = {**{key: value for key, value in inner.items() if key != "title"}, **node}
        return node, parents

    def _rewrite_children(self, node: Schema, path: str, parents: tuple[str, ...]) -> None:
        if "properties" in node:
            node["properties"] = {
                name: self.rewrite(child, f"{path}.{name}".lstrip("."), parents) for name, child in node["properties"].items()
            }
            for name in node.get("required", []):
                if "default" in node["properties"][name]:
                    raise SchemaRefused(f"{path}.{name}".lstrip("."), "required, and has a default; drop one")
        if "items" in node:
            node["items"] = self.rewrite(node["items"], f"{path}[]", parents)
        others = node.pop("additionalProperties", None)
        if others is True or node.get("x-kubernetes-preserve-unknown-fields"):
            node["x-kubernetes-preserve-unknown-fields"] = True
        elif isinstance(others, dict):
            node["additionalProperties"] = self.rewrite(others, f"{path}[]", parents)


def _only_choice(choices: list[Schema], path: str) -> Schema:
    others = [choice for choice in choices if choice.get("type") != "null"]
    if len(others) != 1:
        kinds = " | ".join(str(choice.get("type", choice.get("$ref", "?"))).removeprefix("#/$defs/") for choice in others)
        raise SchemaRefused(path, f"a union ({kinds}) has no structural schema; use one field for each")
    return others[0]


def _refuse_what_has_no_form(node: Schema, path: str) -> None:
    if "oneOf" in node or "discriminator" in node:
        raise SchemaRefused(path, "a discriminated union has no structural schema; use one optional field for each")
    if "prefixItems" in node:
        raise SchemaRefused(path, "a tuple has no structural schema; use an object with named fields")
    if "format" in node and node["format"] not in KUBERNETES_FORMATS:
        raise SchemaRefused(path, f"the format {node['format']} is not known to Kubernetes; write a pattern")
    if "pattern" in node and (why := why_not_re2(node["pattern"])):
        raise SchemaRefused(path, f"the pattern {node['pattern']}: {why}")


def _draft_4_bounds(node: Schema) -> None:
    for exclusive, inclusive, tighter in (("exclusiveMinimum", "minimum", max), ("exclusiveMaximum", "maximum", min)):
        bound = node.pop(exclusive, None)
        if bound is not None:
            other = node.get(inclusive)
            node[inclusive] = bound if other is None else tighter(bound, other)
            if node[inclusive] == bound:
                node[exclusive] = True


def _check_keywords(node: Schema, path: str) -> None:
    unknown = sorted(node.keys() - set(_KEYWORDS))
    if unknown:
        raise SchemaRefused(path, f"the keyword {unknown[0]} has no place in a structural schema")
    if "type" not in node:
        raise SchemaRefused(path, "has no type")


def _check_bounds(node: Schema, path: str) -> None:
    """CEL's cost is estimated from the largest object that the schema allows, so everything in it has a largest size."""
    if "enum" in node:
        return
    if node["type"] == "integer":
        low, high = node.get("minimum"), node.get("maximum")
        if low is None or high is None:
            raise SchemaRefused(path, "an integer needs a minimum and a maximum")
        if low not in _INT64 or high not in _INT64:
            raise SchemaRefused(path, "an integer has at most 64 bits")
        node["format"] = "int64"
    is_map = node["type"] == "object" and "additionalProperties" in node
    bound = {"string": "maxLength", "array": "maxItems"}.get(node["type"], "maxProperties" if is_map else None)
    if bound is not None and bound not in node:
        raise SchemaRefused(path, f"has no {bound}")
