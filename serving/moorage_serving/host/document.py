"""SERVE.json, read and followed."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from moorage_api.errors import InvalidInput, Problem
from moorage_api.service_config import ServingConfig


class Document:
    """The ServingConfig in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> ServingConfig:
        """Raises InvalidInput with every problem found."""
        where = str(self._path)
        try:
            self._seen = self._identity()
            content = self._path.read_bytes()
        except OSError as error:
            raise InvalidInput(Problem(f"cannot read: {error.strerror}", where, remedy="name a ServingConfig file")) from None
        try:
            config = ServingConfig.model_validate_json(content, by_alias=True, by_name=False)
        except ValidationError as error:
            raise InvalidInput(*(Problem(e["msg"], where, ".".join(map(str, e["loc"]))) for e in error.errors())) from None
        check(config, where)
        return config

    def read_if_changed(self) -> ServingConfig | None:
        """The new content if the file was replaced since it was last read. Raises InvalidInput, once for each replacement."""
        try:
            changed = self._identity() != self._seen
        except OSError:
            return None
        return self.read() if changed else None

    def _identity(self) -> tuple[int, int, int]:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


def check(config: ServingConfig, where: str) -> None:
    """What no single field shows. Raises InvalidInput."""
    problems: list[Problem] = []
    for field, remedy in (("route_prefix", "give each service its own"), ("outbox", "give each service a folder of its own")):
        values = [getattr(service, field) for service in config.services]
        for index, value in enumerate(values):
            if value in values[:index]:
                problems.append(Problem("is another service's too", where, f"services.{index}.{field}", value, remedy))
    names = [(service.subject.namespace, service.subject.name) for service in config.services]
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.append(Problem("is given twice", where, f"services.{index}.subject.name", "/".join(name), "remove one"))
        prefix = config.services[index].route_prefix
        if not prefix.startswith("/") or (prefix != "/" and prefix.endswith("/")):
            problems.append(Problem("must start with / and not end with it", where, f"services.{index}.routePrefix", prefix))
    if problems:
        raise InvalidInput(*problems)
