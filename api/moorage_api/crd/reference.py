"""The reference page of a kind: every field with its type, bounds, default and meaning, and the rules over several fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from moorage_api.base import API_VERSION
from moorage_api.crd.definition import NAMES, SCALE, resource_schema
from moorage_api.crd.structural_schema import Schema
from moorage_api.manifest import CLUSTER_SCOPED

HEADER = "<!-- Generated from api/moorage_api by `make generate`; do not edit. -->\n"


def reference_page(kind: str) -> str:
    """The page in Markdown; ends with a newline."""
    schema = resource_schema(kind)
    names = NAMES[kind]
    scope = "cluster-scoped" if kind in CLUSTER_SCOPED else "namespaced"
    scale = ", with a scale subresource" if kind in SCALE else ""
    lines = [
        HEADER,
        f"# {kind}",
        "",
        schema["description"],
        "",
        f"`apiVersion: {API_VERSION}`, `kind: {kind}`; {scope}{scale}.",
        f"`kubectl get {names.plural}`, in short `kubectl get {names.short[0]}`.",
        "How the text of a manifest is read: [manifests.md](../manifests.md).",
    ]
    for part in ("spec", "status"):
        lines += ["", f"## {part}", "", schema["properties"][part]["description"], ""]
        lines += ["| Field | Type | Default | Bounds | Meaning |", "|---|---|---|---|---|"]
        lines += [_row(path, node, required) for path, node, required in _fields(schema["properties"][part], part)]
    lines += ["", "## Rules", "", "Checked by `moorage validate` and by the API server, in these words.", ""]
    lines += [f"- `{path}`: {words}\n  <br>`{cel}`" for path, words, cel in _rules(schema, "")]
    return "\n".join(lines) + "\n"


def _fields(node: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """Path, schema and whether it is required, of every field below `node`, in the order of the models."""
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}"
        yield below, child, name in node.get("required", [])
        yield from _fields(child, below)
        if child["type"] == "array":
            yield from _fields(child["items"], f"{below}[]")


def _rules(node: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    for rule in node.get("x-kubernetes-validations", []):
        words = rule.get("message") or _template(rule["messageExpression"], rule["fieldPath"])
        yield f"{path}{rule['fieldPath']}".lstrip("."), words, rule["rule"]
    for name, child in node.get("properties", {}).items():
        yield from _rules(child, f"{path}.{name}")
    if "items" in node:
        yield from _rules(node["items"], f"{path}[]")


def _template(expression: str, field: str) -> str:
    """`self.unit + ' is wrong'` as `VALUE is wrong`."""
    return "".join("*VALUE*" if part == f"self{field}" else part.strip("'") for part in expression.split(" + "))


def _row(path: str, node: Schema, required: bool) -> str:
    default = "required" if required else _default(node)
    cells = (f"`{path}`", _type(node), default, _bounds(node), node.get("description", ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(node: Schema) -> str:
    if "default" not in node:
        return ""
    return "that of its fields" if "properties" in node else f"`{json.dumps(node['default'])}`"


def _type(node: Schema) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if node["type"] == "array":
        return f"list of {_type(node['items'])}"
    if "additionalProperties" in node:
        return f"map of {_type(node['additionalProperties'])}"
    return str(node["type"])


def _bounds(node: Schema) -> str:
    """The node's own bounds, and those of a list's items."""
    parts = [*_number_bounds(node)]
    for what, noun in (("Length", "characters"), ("Items", "items"), ("Properties", "entries")):
        low, high = node.get(f"min{what}"), node.get(f"max{what}")
        if high is not None and "enum" not in node:
            parts.append(f"{noun} {f'{low} to ' if low else '≤ '}{high}")
    if "pattern" in node:
        parts.append(f"`{node['pattern']}`")
    if node.get("x-kubernetes-list-type") == "set":
        parts.append("no repetition")
    if node.get("x-kubernetes-list-type") == "map":
        parts.append(f"one a `{node['x-kubernetes-list-map-keys'][0]}`")
    if node["type"] == "array" and (inner := _bounds(node["items"])):
        parts.append(f"each: {inner}")
    return "; ".join(parts)


def _number_bounds(node: dict[str, Any]) -> Iterator[str]:
    if "minimum" in node:
        yield f"{'>' if node.get('exclusiveMinimum') else '≥'} {node['minimum']}"
    if "maximum" in node:
        yield f"{'<' if node.get('exclusiveMaximum') else '≤'} {node['maximum']}"
