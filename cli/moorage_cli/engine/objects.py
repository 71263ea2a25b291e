"""The object store: resources as JSON files with uid, generation and status; every write is atomic."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

from moorage_api.clock import timestamp
from moorage_api.errors import InvalidInput, Problem
from moorage_api.manifest import CLUSTER_SCOPED, KINDS, AnyResource, parse_resource
from moorage_api.meta import Status
from moorage_cli.durable_file import write_durably
from moorage_cli.home import Home

R = TypeVar("R", bound=AnyResource)
CLUSTER_FOLDER = "_cluster"


@dataclass(frozen=True)
class ObjectStore:
    """The resources of one home."""

    home: Home

    def apply(self, resource: R, now: datetime) -> R:
        """Create or update; a changed spec counts the generation up, status is kept. Returns what is stored."""
        known = self.find(type(resource), resource.metadata.namespace, resource.metadata.name)
        if known is None:
            identity = {"uid": str(uuid.uuid4()), "generation": 1, "creation_timestamp": timestamp(now)}
        else:
            old = known.metadata
            changed = known.spec.to_wire() != resource.spec.to_wire()
            generation = (old.generation or 1) + (1 if changed else 0)
            identity = {"uid": old.uid or "", "generation": generation, "creation_timestamp": old.creation_timestamp or timestamp(now)}
        metadata = resource.metadata.model_copy(update=identity)
        stored = cast(R, resource.model_copy(update={"metadata": metadata, "status": known.status if known else None}))
        if known is None or stored.to_wire() != known.to_wire():
            self._write(stored)
        return stored

    def set_status(self, resource: R, status: Status) -> R:
        """Replace the status, on change only. Returns what is stored."""
        updated = cast(R, resource.model_copy(update={"status": status}))
        if resource.status != status:
            self._write(updated)
        return updated

    def find(self, kind: type[R], namespace: str | None, name: str) -> R | None:
        """The object, or None. `namespace` is ignored for cluster-scoped kinds."""
        file = self._file(kind.__name__, namespace, name)
        return _read(kind, file) if file.is_file() else None

    def get(self, kind: type[R], namespace: str | None, name: str) -> R:
        """The object. Raises InvalidInput if there is none."""
        found = self.find(kind, namespace, name)
        if found is None:
            known = ", ".join(sorted(o.metadata.name for o in self.all(kind))) or "none"
            shown = name if kind.__name__ in CLUSTER_SCOPED else f"{namespace or 'default'}/{name}"
            raise InvalidInput(
                Problem(
                    f"no {kind.__name__} {shown} in this home (known: {known})",
                    str(self.home.root),
                    remedy="apply it with `moorage run -f`",
                )
            )
        return found

    def all(self, kind: type[R]) -> list[R]:
        """Every object of a kind, by namespace and name."""
        return [_read(kind, file) for file in sorted((self.home.objects / kind.__name__).glob("*/*.json"))]

    def everything(self) -> Iterator[AnyResource]:
        """Every object, by kind."""
        for kind in KINDS.values():
            yield from self.all(kind)

    def delete(self, resource: AnyResource) -> None:
        """Forget the object; the ledger, artifacts and outboxes stay."""
        self._file(resource.kind, resource.metadata.namespace, resource.metadata.name).unlink(missing_ok=True)

    def _file(self, kind: str, namespace: str | None, name: str) -> Path:
        folder = CLUSTER_FOLDER if kind in CLUSTER_SCOPED else (namespace or "default")
        return self.home.objects / kind / folder / f"{name}.json"

    def _write(self, resource: AnyResource) -> None:
        file = self._file(resource.kind, resource.metadata.namespace, resource.metadata.name)
        write_durably(file, json.dumps(resource.to_wire(), indent=2, ensure_ascii=False) + "\n")


def _read(kind: type[R], file: Path) -> R:
    try:
        resource = parse_resource(json.loads(file.read_text(encoding="utf-8")), str(file))
    except ValueError as error:
        raise InvalidInput(Problem(f"not JSON: {error}", str(file), remedy="remove the file and run the manifest again")) from None
    if not isinstance(resource, kind):
        raise InvalidInput(Problem(f"holds a {resource.kind}", str(file), "kind", resource.kind, f"a {kind.__name__} belongs here"))
    return resource
