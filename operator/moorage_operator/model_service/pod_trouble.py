"""What keeps pods from starting, in words for the one who waits for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from moorage_operator import names
from moorage_operator.cache import Body

_IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True)
class Trouble:
    """reason: a CamelCase word; message: which pod, what, and the remedy."""

    reason: str
    message: str


def trouble_of(pods: Iterable[Body]) -> Trouble | None:
    """The first trouble in the order of pods' names, or None."""
    for pod in sorted(pods, key=lambda body: str(body["metadata"]["name"])):
        for found in _troubles(pod):
            return found
    return None


def _troubles(pod: Body) -> Iterator[Trouble]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    if "deletionTimestamp" in metadata:
        return
    where = f"Pod {metadata.get('namespace')}/{metadata['name']}"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            pool = (metadata.get("labels") or {}).get(names.POOL, "default")
            remedy = f"give node pool {pool} room, or ask for less in spec.resources"
            yield Trouble("Unschedulable", f"{where} fits on no node: {condition.get('message') or 'no reason given'}; {remedy}")
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        yield from _of_container(where, container)


def _of_container(where: str, container: Body) -> Iterator[Trouble]:
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    last = (container.get("lastState") or {}).get("terminated") or {}
    name, reason = container.get("name"), waiting.get("reason", "")
    said = f": {waiting['message']}" if waiting.get("message") else ""
    if reason in _IMAGE_REASONS:
        remedy = "check the image's name and the pull Secret in the operator's settings"
        yield Trouble("ImagePullFailed", f"{where} cannot pull the image of container {name} ({reason}{said}); {remedy}")
    elif reason in _CONFIG_REASONS:
        yield Trouble("ContainerNotCreated", f"{where} cannot create container {name} ({reason}{said})")
    elif "OOMKilled" in (ended.get("reason"), last.get("reason")):
        yield Trouble("OutOfMemory", f"{where} ran out of memory in container {name}; ask for more in spec.resources.memoryPerReplica")
    elif reason == "CrashLoopBackOff":
        yield Trouble("Crashing", f"{where} crashes in container {name}{said}; see its log: kubectl logs {where.split('/')[-1]} -c {name}")
