"""Manifests: YAML or JSON files of resources, read, checked field by field, and returned whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from moorage_api.base import API_VERSION, ApiModel
from moorage_api.dataset import Dataset
from moorage_api.errors import InvalidInput, Problem
from moorage_api.model_service import ModelService
from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob

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


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice; YAML 1.1 would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is not a string", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# A bare date is a string to Kubernetes, not a date; and `1e-5` is a number to YAML 1.2 and to people, though not to YAML 1.1.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _add_exponent_floats() -> None:
    import re

    pattern = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$")
    _StrictLoader.add_implicit_resolver("tag:yaml.org,2002:float", pattern, list("-+.0123456789"))


_add_exponent_floats()


def load_manifests(path: Path) -> list[Manifest]:
    """Read a file, or every `*.yaml`, `*.yml` and `*.json` of a folder in the order of their names.

    Raises InvalidInput with every problem found; then nothing is returned.
    """
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
        if not files:
            raise InvalidInput(Problem("no manifest in this folder", str(path), remedy="name a folder with *.yaml or *.json files"))
    else:
        files = [path]
    problems: list[Problem] = []
    found: list[Manifest] = []
    for file in files:
        for where, document in _documents(file, problems):
            resource = _resource(document, where, problems)
            if resource is not None:
                found.append(Manifest(resource, file))
    problems += _duplicates(found)
    if not found and not problems:
        problems.append(
            Problem("no resource in it", str(path), remedy="write at least one document with apiVersion, kind, metadata and spec")
        )
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


def _documents(file: Path, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            problems.append(Problem(f"manifest is larger than {MAX_FILE_BYTES} bytes", str(file)))
            return
        text = file.read_text(encoding="utf-8")
        documents = [d for d in yaml.load_all(text, Loader=_StrictLoader) if d is not None]
    except FileNotFoundError:
        problems.append(Problem("no such file", str(file), remedy="check the path given with -f"))
        return
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(f"cannot read: {error}", str(file)))
        return
    except (yaml.YAMLError, RecursionError) as error:
        problems.append(Problem(f"not YAML: {' '.join(str(error).split())}", str(file)))
        return
    for index, document in enumerate(documents, 1):
        yield (str(file) if len(documents) == 1 else f"{file} document {index}"), document


def _resource(document: Any, where: str, problems: list[Problem]) -> AnyResource | None:
    if not isinstance(document, dict):
        problems.append(Problem("a manifest is a mapping with apiVersion, kind, metadata and spec", where, value=_show(document)))
        return None
    if document.get("apiVersion") != API_VERSION:
        problems.append(Problem("not a Moorage resource", where, "apiVersion", _show(document.get("apiVersion")), f"write {API_VERSION}"))
        return None
    kind = KINDS.get(str(document.get("kind")))
    if kind is None:
        problems.append(Problem("unknown kind", where, "kind", _show(document.get("kind")), f"one of {', '.join(sorted(KINDS))}"))
        return None
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    where = f"{where}: {kind.__name__} {name}" if isinstance(name, str) else f"{where}: {kind.__name__}"
    try:
        resource = kind.from_wire(document)
    except ValidationError as error:
        problems.extend(_problem(detail, where) for detail in error.errors())
        return None
    broken = list(broken_rules(resource, where))
    broken += _scope_problems(resource, where)
    if broken:
        problems.extend(broken)
        return None
    if resource.kind not in CLUSTER_SCOPED and resource.metadata.namespace is None:
        resource = resource.model_copy(update={"metadata": resource.metadata.model_copy(update={"namespace": "default"})})
    return resource


def broken_rules(model: ApiModel, where: str, path: str = "") -> Iterator[Problem]:
    """Every Rule of `model` and of the models in it that does not hold, with the whole path of its field."""
    for rule in type(model).rules:
        if not rule.holds(model):
            field = f"{path}{rule.field}".lstrip(".")
            yield Problem(rule.message, where, field, _show(_at(model, rule.field)))
    for name, info in type(model).model_fields.items():
        child = getattr(model, name)
        below = f"{path}.{info.alias or name}"
        if isinstance(child, ApiModel):
            yield from broken_rules(child, where, below)
        elif isinstance(child, list):
            for index, item in enumerate(child):
                if isinstance(item, ApiModel):
                    yield from broken_rules(item, where, f"{below}[{index}]")


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


def _at(model: ApiModel, field: str) -> Any:
    value: Any = model
    for part in field.strip(".").split("."):
        names = {info.alias or name: name for name, info in type(value).model_fields.items()}
        value = getattr(value, names[part])
        if value is None:
            return None
    return None if isinstance(value, ApiModel | list | dict) else value


def _problem(detail: Any, where: str) -> Problem:
    """One of pydantic's errors in the words of someone who wrote YAML."""
    field = ""
    for part in detail["loc"]:
        field += f"[{part}]" if isinstance(part, int) else f".{part}"
    field = field.lstrip(".")
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem("unknown field", where, field, _show(detail["input"]), "check the spelling, or remove it")
    if kind == "missing":
        return Problem("required field is missing", where, field)
    if kind == "literal_error":
        return Problem("not an allowed value", where, field, _show(detail["input"]), f"one of {context['expected']}")
    message = str(detail["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return Problem(message, where, field, _show(detail["input"]))


def _show(value: Any) -> str | None:
    if value is None:
        return None
    text = repr(value) if isinstance(value, str | dict | list) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
