"""`python -m moorage_operator.release_pods`: before the operator is uninstalled, see to it that no pod waits for it for ever.

A Ray pod's object stays until the operator has billed its last second. Without the operator it would stay for good, and its
namespace with it. So this refuses while there are such pods; with --force it lets them go, and says what is not billed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kubernetes.aio.config import ConfigException

from moorage_api.clock import timestamp, utc_now
from moorage_billing.instant import micros_of, timestamp_of
from moorage_operator import names
from moorage_operator.kube.client import Kube
from moorage_operator.kube.errors import ApiError, Conflict, NotFound
from moorage_operator.kube.kinds import Kind, kind_of
from moorage_operator.metering.lifetime import Unmeterable, pod_lifetime
from moorage_operator.metering.pod_end import is_over
from moorage_operator.plan import ObjectRef

Body = dict[str, Any]
POD = kind_of("v1", "Pod")
ATTEMPTS = 5


class Cluster(Protocol):
    """What of Kube is used here."""

    async def list_all(self, kind: Kind, namespace: str | None = None) -> list[Body]: ...
    async def set_finalizers(self, ref: ObjectRef, finalizers: tuple[str, ...], resource_version: str) -> Body: ...


@dataclass(frozen=True)
class Outcome:
    """exit_code: 0 nothing waits for the operator any more, 1 something does. lines: for people."""

    exit_code: int
    lines: tuple[str, ...]


async def release_pods(cluster: Cluster, namespaces: Sequence[str], force: bool, now_us: int) -> Outcome:
    """Look into these namespaces (none: all), and with `force` remove the metering finalizer. Raises ApiError."""
    pods = [body for namespace in namespaces or (None,) for body in await cluster.list_all(POD, namespace)]
    waiting = [body for body in pods if is_waited_for(body)]
    if not waiting:
        return Outcome(0, ("no pod waits for the operator",))
    if not force:
        return Outcome(1, (refusal(waiting),))
    lines = [line for body in waiting if (line := await _released(cluster, body, now_us)) is not None]
    return Outcome(0, (*lines, f"{_counted(len(lines), 'pod')} let go: what the ledger lacks of their time is not billed"))


def is_waited_for(body: Body) -> bool:
    """Whether a pod still runs, or has a last second that is not in the ledger."""
    return names.METERING_FINALIZER in (body["metadata"].get("finalizers") or ()) or not is_over(body)


def refusal(waiting: Sequence[Body]) -> str:
    """One line: what is there, and what to do."""
    owners = {(_label(body, names.KIND), _label(body, names.UID)) for body in waiting}
    counts = [(sum(kind == one for one, _ in owners), kind) for kind in ("TrainingJob", "ModelService")]
    what = " and ".join(_counted(count, kind) for count, kind in counts if count) or "objects that are gone"
    verb = "runs" if len(owners) == 1 else "run"
    return (
        f"{what} still {verb}, in {_counted(len(waiting), 'pod')}: delete them, e.g. `kubectl delete trainingjobs,modelservices --all -A`, "
        "and wait until the pods are billed and gone; or give --force (the chart: uninstall.force), and what is not billed yet never is"
    )


async def _released(cluster: Cluster, body: Body, now_us: int) -> str | None:
    """Remove the finalizer, however the pod changes meanwhile; None if there was none, or the pod is gone."""
    metadata = body["metadata"]
    ref = ObjectRef("v1", "Pod", metadata["name"], metadata["namespace"])
    current: Body | None = body
    for attempt in range(ATTEMPTS):
        if attempt:
            # The chart lets this list and patch pods, and nothing else.
            fresh = await cluster.list_all(POD, ref.namespace)
            current = next((one for one in fresh if one["metadata"]["uid"] == metadata["uid"]), None)
        finalizers = current["metadata"].get("finalizers") or () if current is not None else ()
        if current is None or names.METERING_FINALIZER not in finalizers:
            return None
        others = tuple(name for name in finalizers if name != names.METERING_FINALIZER)
        try:
            await cluster.set_finalizers(ref, others, current["metadata"]["resourceVersion"])
        except NotFound:
            return None
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            owner = f"{_label(body, names.KIND)} {_label(body, names.NAME)}, tenant {_label(body, names.TENANT)}"
            return f"{ref} of {owner}: {_held(current, now_us)}"
    return None


def _held(body: Body, now_us: int) -> str:
    try:
        lifetime = pod_lifetime(body)
    except Unmeterable as problem:
        return str(problem)
    if lifetime is None:
        return "it never started"
    end_us = lifetime.end_at(now_us)
    until = "still runs" if end_us is None else f"ended {timestamp_of(end_us)}"
    return f"{lifetime.cpus:g} cores, {lifetime.gpus:g} GPUs since {timestamp_of(lifetime.start_us)}, {until}"


def _label(body: Body, label: str) -> str:
    return (body["metadata"].get("labels") or {}).get(label) or "unknown"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


async def _connected(namespaces: Sequence[str], force: bool) -> Outcome:
    async with await Kube.connect() as kube:
        return await release_pods(kube, namespaces, force, micros_of(timestamp(utc_now())))


def main(arguments: Iterable[str]) -> int:
    """The exit code: see Outcome; 1 as well where the API server does not do as asked."""
    parser = argparse.ArgumentParser(prog="python -m moorage_operator.release_pods", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--force", action="store_true", help="remove the metering finalizer: what is not billed yet never is")
    parser.add_argument("--namespace", action="append", default=[], help="look here only; may be given several times")
    given = parser.parse_args(list(arguments))
    try:
        outcome = asyncio.run(_connected(given.namespace, given.force))
    except (ApiError, ConfigException) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stream = sys.stdout if outcome.exit_code == 0 else sys.stderr
    stream.writelines(f"{line}\n" for line in outcome.lines)
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
