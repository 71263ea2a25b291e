"""The agent's configuration, read and followed: a mounted ConfigMap, which Kubernetes replaces within a minute or two of a change."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from moorage_api.agent_config import AgentConfig
from moorage_api.errors import InvalidInput, Problem
from moorage_api.problems import problems_of

_log = logging.getLogger("moorage.agent")


class AgentConfigFile:
    """Holds the last good content."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidInput."""
        self._path = path
        self._content = _read(path)
        self.config = _parse(path, self._content)

    def tenants(self) -> list[str]:
        """Who may call, as the file says now; as it said last, if it says nothing that can be understood."""
        try:
            content = _read(self._path)
            if content != self._content:
                self._content = content
                self.config = _parse(self._path, content)
        except InvalidInput as error:
            _log.error("the changed configuration is not taken: %s", error)
        return list(self.config.tenants)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(Problem(f"cannot be read: {error.strerror}", str(path), remedy="name an AgentConfig by --config")) from None


def _parse(path: Path, content: bytes) -> AgentConfig:
    try:
        return AgentConfig.model_validate_json(content, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidInput(*problems_of(error, str(path))) from None
