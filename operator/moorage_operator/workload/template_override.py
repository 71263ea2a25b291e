"""The user's podTemplate over the rendered one: nearly anything may be added, nothing that keeps pods apart, safe or billed may go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moorage_api.errors import InvalidInput, Problem
from moorage_api.problems import shown
from moorage_operator import names
from moorage_operator.plan import Manifest
from moorage_operator.workload.container_refusals import SHOULD_BE_A_MAPPING, Found, Kept, container_refusals, is_ours, mapping, misshapen
from moorage_operator.workload.strategic_merge import merged

FIELD = "spec.podTemplate"
_POD_FIELDS_KEPT = {
    "serviceAccountName": "the ServiceAccount is Moorage's",
    "serviceAccount": "the ServiceAccount is Moorage's",
    "automountServiceAccountToken": "the ServiceAccount is Moorage's",
    "hostNetwork": "pods share nothing with their node",
    "hostPID": "pods share nothing with their node",
    "hostIPC": "pods share nothing with their node",
    "hostUsers": "pods share nothing with their node",
    "nodeName": "the scheduler chooses the node, in the pool that resources.nodePool names",
    "restartPolicy": "Moorage and KubeRay restart pods",
    "runtimeClassName": "the node pool sets it",
    "ephemeralContainers": "they are not part of a template",
    "resources": "spec.resources says it",
}
_VOLUME_SORTS = frozenset({"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"})
"""What Pod Security's profile `restricted` lets pods mount."""


def with_override(template: Manifest, override: Mapping[str, Any], kept: Kept) -> Manifest:
    """`template` with the override merged in. Raises InvalidInput with everything in it that is not admitted."""
    found = list(_refusals(template["spec"], override, kept))
    if found:
        raise InvalidInput(
            *(Problem(f"not admitted: {why}", kept.where, f"{FIELD}.{path}", shown(value), "remove it") for path, value, why in found)
        )
    both: Manifest = merged(template, override)
    spec = both["spec"]
    for field in ("containers", "initContainers"):
        if field in spec:
            spec[field] = [{**one, "securityContext": kept.container_security} for one in spec[field]]
    return both


def _refusals(base: Manifest, override: Mapping[str, Any], kept: Kept) -> Iterator[Found]:
    for field, value in override.items():
        if field not in ("metadata", "spec"):
            yield field, value, "a podTemplate has metadata and spec only"
        elif value is not None and not isinstance(value, Mapping):
            yield field, value, SHOULD_BE_A_MAPPING
    yield from _metadata(mapping(override.get("metadata")))
    yield from _spec(base, mapping(override.get("spec")), kept)


def _metadata(metadata: Mapping[str, Any]) -> Iterator[Found]:
    for field, value in metadata.items():
        if field not in ("labels", "annotations"):
            yield f"metadata.{field}", value, "only labels and annotations may be added"
        elif value is not None and not isinstance(value, Mapping):
            yield f"metadata.{field}", value, SHOULD_BE_A_MAPPING
        for key, text in mapping(value).items():
            if is_ours(key):
                yield f"metadata.{field}[{key}]", text, "set by Moorage or KubeRay"
            elif not isinstance(text, str):
                yield f"metadata.{field}[{key}]", text, "should be a string"


def _spec(base: Manifest, spec: Mapping[str, Any], kept: Kept) -> Iterator[Found]:
    for field, why in _POD_FIELDS_KEPT.items():
        if spec.get(field) is not None:
            yield f"spec.{field}", spec[field], why
    yield from misshapen("spec", base, spec)
    yield from _pod_security(spec.get("securityContext"))
    yield from _node_selector(base.get("nodeSelector") or {}, spec.get("nodeSelector"))
    own_volumes = {volume["name"] for volume in base["volumes"]}
    for path, volume in _items(spec, "volumes"):
        yield from _volume(path, volume, own_volumes, kept)
    own_init = {one["name"] for one in base.get("initContainers", ())}
    for path, container in [*_items(spec, "containers"), *_items(spec, "initContainers")]:
        if not isinstance(container, Mapping) or not isinstance(container.get("name"), str):
            yield path, container, "should be a mapping with a name"
        elif container["name"] in own_init:
            yield f"{path}.name", container["name"], "Moorage's own container"
        else:
            ours: Mapping[str, Any] = next((one for one in base["containers"] if one["name"] == container["name"]), {})
            yield from misshapen(path, ours, container)
            yield from container_refusals(path, container, own_volumes, kept)


def _items(spec: Mapping[str, Any], field: str) -> Iterator[tuple[str, Any]]:
    value = spec.get(field)
    return ((f"spec.{field}[{index}]", item) for index, item in enumerate(value if isinstance(value, list) else ()))


def _pod_security(value: Any) -> Iterator[Found]:
    # Which groups may read a shared file system is not known here; nothing else of it is the user's.
    for field, content in mapping(value).items():
        if field != "supplementalGroups":
            yield f"spec.securityContext.{field}", content, "only supplementalGroups may be added"


def _node_selector(base: Mapping[str, str], value: Any) -> Iterator[Found]:
    for key, content in mapping(value).items():
        if key in base and content != base[key]:
            yield f"spec.nodeSelector[{key}]", content, "would leave the pool that resources.nodePool names"


def _volume(path: str, volume: Any, own: set[str], kept: Kept) -> Iterator[Found]:
    if not isinstance(volume, Mapping) or not isinstance(volume.get("name"), str):
        yield path, volume, "should be a mapping with a name"
        return
    if volume["name"] in own:
        yield f"{path}.name", volume["name"], "Moorage's own volume"
    for sort, content in volume.items():
        if sort != "name" and sort not in _VOLUME_SORTS:
            yield f"{path}.{sort}", content, "pods may not mount this sort of volume"
    claim = mapping(volume.get("persistentVolumeClaim")).get("claimName")
    if claim == kept.claim:
        # Another path to the same files would be a way around the privacy budget of the records among them.
        yield f"{path}.persistentVolumeClaim.claimName", claim, f"the namespace's volume is at {names.VOLUME_PATH}, and only there"
