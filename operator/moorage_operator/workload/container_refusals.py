"""What a user's podTemplate may not say of a container."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moorage_api.base import GROUP
from moorage_operator import names

Found = tuple[str, Any, str]
"""What is refused: the path below spec.podTemplate, the value that stands there, why."""

SHOULD_BE_A_MAPPING = "should be a mapping"
_LISTS = frozenset(
    {"containers", "initContainers", "volumes", "tolerations", "imagePullSecrets", "env", "envFrom", "volumeMounts", "ports"}
)
_MAPPINGS = frozenset({"securityContext", "nodeSelector", "affinity", "resources", "limits", "requests"})
_OURS = frozenset({names.MANAGED_BY, names.PART_OF})
_FIELDS_KEPT = {
    "command": "KubeRay starts Ray",
    "args": "KubeRay starts Ray",
    "lifecycle": "Moorage ends the container",
    "restartPolicy": "Moorage and KubeRay restart pods",
}
_ENV_KEPT = frozenset(
    {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_REDIS_ADDRESS", "REDIS_USERNAME", "HOME", "TMPDIR", "RAY_TMPDIR"}
)


@dataclass(frozen=True)
class Kept:
    """What an override has to leave alone.

    where: the resource, for messages. claim: of the namespace's volume. gpu_resource: of the pool, None if it has no GPUs.
    """

    where: str
    ray_container: str
    claim: str
    gpu_resource: str | None
    container_security: Mapping[str, Any]


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one: what is read of a stranger's document."""
    return value if isinstance(value, Mapping) else {}


def is_ours(key: str) -> bool:
    """Whether a label or annotation is Moorage's or KubeRay's."""
    group = key.partition("/")[0]
    return key in _OURS or group in (GROUP, "ray.io") or group.endswith((f".{GROUP}", ".ray.io"))


def misshapen(path: str, base: Mapping[str, Any], override: Mapping[str, Any]) -> Iterator[Found]:
    """Every field that is not what it is in a pod, or in `base`, which it is merged with: a list, or a mapping."""
    for field, value in override.items():
        if (field in _LISTS or isinstance(base.get(field), list)) and value is not None and not isinstance(value, list):
            yield f"{path}.{field}", value, "should be a list"
        elif field in _MAPPINGS or isinstance(base.get(field), Mapping):
            if value is not None and not isinstance(value, Mapping):
                yield f"{path}.{field}", value, SHOULD_BE_A_MAPPING
            yield from misshapen(f"{path}.{field}", mapping(base.get(field)), mapping(value))


def container_refusals(path: str, container: Mapping[str, Any], own_volumes: set[str], kept: Kept) -> Iterator[Found]:
    """Everything in the override of one container, named at `path`, that is not admitted."""
    if container.get("securityContext") is not None:
        yield f"{path}.securityContext", container["securityContext"], "every container has Moorage's"
    yield from _mounts(path, container.get("volumeMounts"), own_volumes)
    if container["name"] == kept.ray_container and path.startswith("spec.containers"):
        yield from _of_ray(path, container, kept)
        return
    limits = mapping(mapping(container.get("resources")).get("limits"))
    if limits.get("cpu") is None or limits.get("memory") is None:
        yield f"{path}.resources.limits", dict(limits), "without the cpu and memory that it is billed for"


def _of_ray(path: str, container: Mapping[str, Any], kept: Kept) -> Iterator[Found]:
    for field, why in _FIELDS_KEPT.items():
        if container.get(field) is not None:
            yield f"{path}.{field}", container[field], why
    for index, variable in enumerate(_list(container.get("env"))):
        name = mapping(variable).get("name")
        if name in _ENV_KEPT:
            yield f"{path}.env[{index}].name", name, "set by Moorage or KubeRay"
    for part in ("limits", "requests"):
        for resource, amount in mapping(mapping(container.get("resources")).get(part)).items():
            if resource in ("cpu", "memory", kept.gpu_resource):
                yield f"{path}.resources.{part}.{resource}", amount, "spec.resources says it"


def _mounts(path: str, mounts: Any, own_volumes: set[str]) -> Iterator[Found]:
    for index, mount in enumerate(_list(mounts)):
        at = f"{path}.volumeMounts[{index}]"
        name, place = mapping(mount).get("name"), mapping(mount).get("mountPath")
        if not isinstance(name, str) or not isinstance(place, str):
            yield at, mount, "should be a mapping with name and mountPath"
        elif name in own_volumes:
            yield f"{at}.name", name, "Moorage's own volume"
        elif _hides(place):
            yield f"{at}.mountPath", place, "it would hide what Moorage mounts"


def _hides(mount_path: str) -> bool:
    own = (names.VOLUME_PATH, names.RUNTIME_FOLDER, names.SETTINGS_PATH, "/var/run/secrets", "/tmp", "/dev/shm")  # noqa: S108 (in the pod)
    path = posixpath.normpath(f"/{mount_path}").lstrip("/")
    path = f"/{path}" if path else ""
    return any(path == place or place.startswith(f"{path}/") or path.startswith(f"{names.VOLUME_PATH}/") for place in own)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
