"""When a pod's containers started and ended, from the kubelet's reports (whole seconds) in the pod's status. Pure.

Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from moorage_billing.instant import micros_of

Body = dict[str, Any]


@dataclass(frozen=True)
class Start:
    """The earliest start that is known; not `first`: there may have been one before it, which the kubelet has forgotten."""

    at_us: int
    first: bool


def held_containers(spec: Body) -> list[Body]:
    """What a running pod holds resources for: its containers, and its native sidecars. Other init containers are over by then."""
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return [*(spec.get("containers") or ()), *sidecars]


def start_of(status: Body) -> Start | None:
    """The pod's start: the earliest of its containers'; None while none has started.

    Init containers and sidecars do not count: what waits for the head of a Ray cluster is not the tenant's work, and a
    sidecar that is restarted loses its first start, while a training or serving container, restartPolicy Never, keeps its own.
    """
    containers = status.get("containerStatuses") or ()
    starts = [start for container in containers if (start := _container_start(container)) is not None]
    if not starts:
        return None
    forgotten = any("terminated" in (c.get("state") or {}) and _container_start(c) is None for c in containers)
    return Start(min(start.at_us for start in starts), not forgotten and all(start.first for start in starts))


def end_of(spec: Body, status: Body) -> int | None:
    """The latest end, once every container and sidecar has one; None before."""
    ends = [_end(container.get("state")) for container in _of(spec, status)]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(held_containers(spec)) else None


def all_over(spec: Body, status: Body) -> bool:
    """Whether every container and sidecar is reported as terminated, though the kubelet may not know when."""
    states = [container.get("state") or {} for container in _of(spec, status)]
    return len(states) == len(held_containers(spec)) and all("terminated" in state for state in states)


def ends_known(spec: Body, status: Body) -> list[int]:
    """Every end that any report speaks of."""
    reports = [container.get(field) for container in _of(spec, status) for field in ("state", "lastState")]
    return [end for report in reports if (end := _end(report)) is not None]


def transition(status: Body, type_: str, truth: str) -> int | None:
    """When the pod's condition last became `truth`; None if it is not that now."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == type_ and condition.get("status") == truth:
            return _instant(condition.get("lastTransitionTime"))
    return None


def _of(spec: Body, status: Body) -> Iterable[Body]:
    wanted = {container.get("name") for container in held_containers(spec)}
    for field in ("containerStatuses", "initContainerStatuses"):
        yield from (c for c in status.get(field) or () if c.get("name") in wanted)


def _container_start(container: Body) -> Start | None:
    """The kubelet reports the present run and the one before; `restartCount` tells how many there were."""
    state, last = container.get("state") or {}, container.get("lastState") or {}
    runs = int(container.get("restartCount") or 0) + 1
    present = _instant((state.get("running") or state.get("terminated") or {}).get("startedAt"))
    before = _instant((last.get("terminated") or {}).get("startedAt"))
    if before is not None:
        run = runs if "waiting" in state else runs - 1
        return Start(before, run <= 1)
    return None if present is None else Start(present, runs == 1)


def _end(report: Body | None) -> int | None:
    return _instant(((report or {}).get("terminated") or {}).get("finishedAt"))


def _instant(text: str | None) -> int | None:
    """A time, if there is one: the kubelet writes null where it has none."""
    return micros_of(text) if text else None
