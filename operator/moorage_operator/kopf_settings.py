"""How Kopf is set. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import kopf

from moorage_operator.kube.kinds import WATCHED

SERVER_SECONDS = 300
"""The API server ends a watch after this long, and Kopf opens it again where it ended."""
INACTIVITY_SECONDS = 70.0
"""The API server sends a bookmark every minute: a watch that says nothing for longer is dead, whatever its connection claims."""
LIST_OBJECTS = 500
"""Objects of a page of a first list."""
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Between tries at a request that failed; the last one again and again."""


class EndlessPauses:
    """Kopf ends the operator once it has no pause left. An API server that is away, or a namespace without rights, is no reason to."""

    def __iter__(self) -> Iterator[float]:
        """The pauses, from the first."""
        return chain(PAUSES_SECONDS, repeat(PAUSES_SECONDS[-1]))


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing: no handler asks what changed, and for each event Kopf would copy the whole object twice to be able to tell."""

    def build(self, **_: Any) -> Any:
        """Nothing of the object."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing was stored."""
        return None

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


def kopf_settings() -> kopf.OperatorSettings:
    """Watches that cannot stay silent, only the labelled objects of shared kinds, no Events and no marks on objects by Kopf itself."""
    settings = kopf.OperatorSettings()
    settings.watching.server_timeout = SERVER_SECONDS
    settings.watching.client_timeout = SERVER_SECONDS + 10.0
    settings.watching.connect_timeout = 10.0
    settings.watching.inactivity_timeout = INACTIVITY_SECONDS
    settings.watching.chunk_size = LIST_OBJECTS
    settings.networking.error_backoffs = EndlessPauses()
    for kind in WATCHED:
        if kind.selector is not None:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.posting.enabled = False
    settings.posting.level = logging.CRITICAL
    settings.peering.standalone = True
    settings.queueing.idle_timeout = 1.0
    return settings
