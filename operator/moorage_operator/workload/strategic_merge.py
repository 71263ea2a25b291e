"""Merging as `kubectl patch` does it: maps but probes merge, lists of named things merge by name, anything else is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "volumeDevices": "devicePath",
    "topologySpreadConstraints": "topologyKey",
}
_APPENDED = frozenset({"tolerations", "envFrom"})
_REPLACED = frozenset({"readinessProbe", "livenessProbe", "startupProbe"})
"""Each has one of several ways to ask; merged with another way it would have two."""


def merged(base: Any, patch: Any, field: str = "") -> Any:
    """`base` with `patch` over it; null in the patch says nothing. `field` is the name under which both stand. Neither is changed."""
    if isinstance(base, Mapping) and isinstance(patch, Mapping) and field not in _REPLACED:
        both = dict(base)
        for key, value in patch.items():
            if value is not None:
                both[key] = merged(base[key], value, key) if key in base else value
        return both
    if isinstance(base, list) and isinstance(patch, list):
        if field in _KEYS:
            return _by_key(base, patch, _KEYS[field])
        if field in _APPENDED:
            return [*base, *(item for item in patch if item not in base)]
    return patch


def _by_key(base: list[Any], patch: list[Any], key: str) -> list[Any]:
    both = list(base)
    places = {item[key]: index for index, item in enumerate(base) if isinstance(item, Mapping) and key in item}
    for item in patch:
        name = item.get(key) if isinstance(item, Mapping) else None
        place = places.get(name) if isinstance(name, str | int) else None
        if place is None:
            both.append(item)
        else:
            both[place] = merged(both[place], item)
    return both
