"""Writes schemas/kubernetes/: JSON schemas of what the chart renders, from Kubernetes' own OpenAPI documents.

    .venv/bin/python tests/chart/make_schemas.py "$(go env GOMODCACHE)/k8s.io/kubernetes@v1.36.3/api/openapi-spec/v3"

They are committed, so that the tests need neither Go nor a network. In kubeconform's layout, and strict: an unknown field is an error.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "schemas" / "kubernetes"
DEFINITIONS = "_definitions.json"
KINDS = {
    "api__v1": ("ConfigMap", "PersistentVolumeClaim", "Pod", "Service", "ServiceAccount"),
    "apis__apps__v1": ("Deployment",),
    "apis__batch__v1": ("Job",),
    "apis__networking.k8s.io__v1": ("NetworkPolicy",),
    "apis__rbac.authorization.k8s.io__v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "apis__apiextensions.k8s.io__v1": ("CustomResourceDefinition",),
}
_KEPT = ("type", "properties", "required", "items", "additionalProperties", "enum", "oneOf", "allOf", "anyOf", "pattern", "$ref")


def file_name(api_version: str, kind: str) -> str:
    """kubeconform's `{{.ResourceKind}}{{.KindSuffix}}.json`."""
    group, _, version = api_version.rpartition("/")
    return "-".join(part for part in (kind.lower(), group.split(".")[0], version) if part) + ".json"


def strict(schema: Any) -> Any:
    """What validates of an OpenAPI schema; objects with known fields take no others."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(schema[key]) for key in _KEPT if key in schema and key != "properties"}
    if "$ref" in found:
        return {"$ref": f"{DEFINITIONS}#/definitions/{found['$ref'].rpartition('/')[2]}"}
    if len(found.get("allOf", ())) == 1:  # how OpenAPI 3.0 puts a default beside a reference
        return found["allOf"][0]
    if "properties" in schema:
        found["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        found.setdefault("additionalProperties", False)
    return found


def document_of(group: str, version: str) -> str:
    """The name under which Kubernetes keeps the OpenAPI document of a group and version."""
    return f"apis__{group}__{version}" if group else f"api__{version}"


def references(schema: Any) -> set[str]:
    """The names of the definitions that a strict schema refers to."""
    if isinstance(schema, list):
        return {name for part in schema for name in references(part)}
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
    return own.union(*(references(part) for part in schema.values()))


def main(specification: Path) -> None:
    """Write every kind and the definitions that they reach."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    known: dict[str, Any] = {}
    wanted: set[str] = set()
    for document, kinds in KINDS.items():
        schemas = json.loads((specification / f"{document}_openapi.json").read_text())["components"]["schemas"]
        known |= {name: strict(schema) for name, schema in schemas.items()}
        for name, schema in schemas.items():
            for this in schema.get("x-kubernetes-group-version-kind", ()):
                api_version = "/".join(part for part in (this["group"], this["version"]) if part)
                if this["kind"] not in kinds or document_of(this["group"], this["version"]) != document:
                    continue
                root = known[name]
                root["properties"] |= {"apiVersion": {"enum": [api_version]}, "kind": {"enum": [this["kind"]]}}
                root["required"] = sorted({*root.get("required", ()), "apiVersion", "kind", "metadata"})
                wanted |= references(root)
                write(file_name(api_version, this["kind"]), root)
    reached: set[str] = set()
    while wanted:
        reached |= wanted
        wanted = {name for one in wanted for name in references(known[one])} - reached
    definitions = {name: relative(known[name]) for name in sorted(reached)}
    write(DEFINITIONS, {"definitions": definitions})


def relative(schema: Any) -> Any:
    """References from within the definitions' own file."""
    return json.loads(json.dumps(schema).replace(f'"{DEFINITIONS}#/', '"#/'))


def write(name: str, schema: Any) -> None:
    (FOLDER / name).write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
