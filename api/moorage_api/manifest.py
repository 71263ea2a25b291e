"""Manifests: YAML or JSON files of resources, read, checked field by field, and returned whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moorage_api.base import API_VERSION
from moorage_api.dataset import Dataset
from moorage_api.errors import InvalidInput, Problem
from moorage_api.model_service import ModelService
from moorage_api.price_plan import PricePlan
from moorage_api.problems import broken_rules, problems_of, shown
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob
from moorage_api.yaml_documents import NotYaml, read_yaml

__all__ = ["CLUSTER_SCOPED", "KINDS", "AnyResource", "Manifest", "broken_rules", "load_manifests", "parse_resource"]

AnyResource = Dataset | ModelService | PricePlan | Tenant | TrainingJob
KINDS: dict[str, type[AnyResource]] = {
    "Dataset": Dataset,
    "ModelService": ModelService,
    "PricePlan": PricePlan,
    "Tenant": Tenant,
    "TrainingJob": TrainingJob,
}
CLUSTER_SCOPED = frozenset({"PricePlan", "Tenant"})
MAX_FILE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """A resource and the file that it came from."""

    resource: AnyResource
    file: Path


def load_manifests(path: Path) -> list[Manifest]:
    """Read a file, or every `*.yaml`, `*.yml` and `*.json` of a folder in the order of their names.

    `status` is left out. Raises InvalidInput with every problem found; then nothing is returned.
    """
    problems: list[Problem] = []
    found: list[Manifest] = []
    for file in _files(path):
        for where, document in _documents(file, problems):
            resource = _resource(_without_status(document), where, problems)
            if resource is not None:
                found.append(Manifest(resource, file))
    problems += _duplicates(found)
    if not found and not problems:
        remedy = "write at least one document with apiVersion, kind, metadata and spec"
        problems.append(Problem("no resource in it", str(path), remedy=remedy))
    if problems:
        raise InvalidInput(*problems)
    return found


def parse_resource(data: Any, where: str) -> AnyResource:
    """Check one decoded document. Raises InvalidInput."""
    problems: list[Problem] = []
    resource = _resource(data, where, problems)
    if resource is None:
        raise InvalidInput(*problems)
    return resource


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        files = sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
    except OSError as error:
        raise InvalidInput(Problem(f"cannot read: {error.strerror}", str(path))) from None
    if not files:
        raise InvalidInput(Problem("no manifest in this folder", str(path), remedy="name a folder with *.yaml or *.json files"))
    return files


def _documents(file: Path, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            problems.append(Problem(f"larger than {MAX_FILE_BYTES} bytes", str(file), remedy="split it into several files"))
            return
        text = data.decode("utf-8-sig")
        documents = [_read_json(text)] if file.suffix == ".json" else read_yaml(text)
    except FileNotFoundError:
        problems.append(Problem("no such file", str(file), remedy="check the path given with -f"))
        return
    except OSError as error:
        problems.append(Problem(f"cannot read: {error.strerror}", str(file)))
        return
    except UnicodeDecodeError as error:
        problems.append(Problem(f"not UTF-8 at byte {error.start}", str(file), remedy="save it as UTF-8"))
        return
    except NotYaml as error:
        problems.append(Problem(f"not a YAML manifest: {error}", str(file)))
        return
    except (ValueError, RecursionError) as error:
        problems.append(Problem(f"not JSON: {error}", str(file)))
        return
    for index, document in enumerate(documents, 1):
        yield (str(file) if len(documents) == 1 else f"{file} document {index}"), document


def _read_json(text: str) -> Any:
    """Raises ValueError or RecursionError."""

    def without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise ValueError(f"the key {key!r} is given twice")
            found[key] = value
        return found

    return json.loads(text, object_pairs_hook=without_repetition)


def _without_status(document: Any) -> Any:
    """What a user may say: status is Moorage's own, and an API server drops it from what is applied."""
    return {key: value for key, value in document.items() if key != "status"} if isinstance(document, dict) else document


def _resource(document: Any, where: str, problems: list[Problem]) -> AnyResource | None:
    if not isinstance(document, dict):
        problems.append(Problem("a manifest is a mapping with apiVersion, kind, metadata and spec", where, value=shown(document)))
        return None
    if document.get("apiVersion") != API_VERSION:
        problems.append(Problem("not a Moorage resource", where, "apiVersion", shown(document.get("apiVersion")), f"write {API_VERSION}"))
        return None
    kind = KINDS.get(str(document.get("kind")))
    if kind is None:
        problems.append(Problem("unknown kind", where, "kind", shown(document.get("kind")), f"one of {', '.join(sorted(KINDS))}"))
        return None
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    where = f"{where}: {kind.__name__}" + (f" {name[:63]}" if isinstance(name, str) and name.isprintable() else "")
    try:
        resource = kind.from_wire(document)
    except ValidationError as error:
        problems.extend(problems_of(error, where))
        return None
    broken = [*broken_rules(resource, where), *_scope_problems(resource, where)]
    if broken:
        problems.extend(broken)
        return None
    if resource.kind not in CLUSTER_SCOPED and resource.metadata.namespace is None:
        resource = resource.model_copy(update={"metadata": resource.metadata.model_copy(update={"namespace": "default"})})
    return resource


def _scope_problems(resource: AnyResource, where: str) -> Iterator[Problem]:
    if resource.kind in CLUSTER_SCOPED and resource.metadata.namespace is not None:
        yield Problem(f"a {resource.kind} is cluster-scoped", where, "metadata.namespace", resource.metadata.namespace, "remove it")


def _duplicates(found: list[Manifest]) -> Iterator[Problem]:
    seen: dict[str, Path] = {}
    for manifest in found:
        ref = manifest.resource.ref
        if ref in seen:
            yield Problem(f"{ref} is given twice, first in {seen[ref]}", str(manifest.file), "metadata.name", remedy="rename or remove one")
        seen.setdefault(ref, manifest.file)
