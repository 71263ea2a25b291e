"""The operator, real but for its choke points for writes: it can be made to die, or to hang, at one of them.

Started from a server that has imported it already and forks (multiprocessing's `forkserver`): a start takes a tenth of a second.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.connection
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

PRELOAD = ["moorage_operator.__main__", "moorage_operator.control_loop", "apiserver.killable_operator"]
LEDGER_WRITES = ("append_or_set_aside", "charge_whole", "commit", "put_catalogue", "release", "reserve")
_GENERATED = re.compile(r"(?<=-)[0-9a-f]{5,}(?=-|$|\s|\.)|(?<=\.)[0-9a-f]{16}\b")
"""What KubeRay, and names that contain a digest, differ in from run to run."""


@dataclass(frozen=True)
class Trigger:
    """At the `occurrence`-th write that is called `write`, before or after it was sent."""

    write: str
    occurrence: int = 1
    position: Literal["before", "after"] = "before"
    effect: Literal["kill", "hang", "block"] = "kill"
    """kill: SIGKILL. hang: the write never returns. block: the event loop never goes on."""


@dataclass(frozen=True)
class Start:
    """How an operator is started."""

    settings: Path
    kubeconfig: Path
    ledger_token: Path
    log: Path
    writes: Path
    """A line for every write that is about to be made."""
    trigger: Trigger | None = None
    constants: dict[str, Any] = field(default_factory=dict)
    """By `module:NAME`: what is shorter in a test."""


def run_operator(start: Start) -> None:
    """The whole life of the process."""
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    os.setsid()
    with start.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ.update(KUBECONFIG=str(start.kubeconfig), MOORAGE_LEDGER_TOKEN_FILE=str(start.ledger_token))
    # The client has read KUBECONFIG when it was imported.
    constants = {"kubernetes.aio.config.kube_config:KUBE_CONFIG_DEFAULT_LOCATION": str(start.kubeconfig), **start.constants}
    for name, value in constants.items():
        module, _, constant = name.partition(":")
        __import__(module)
        assert hasattr(sys.modules[module], constant), name
        setattr(sys.modules[module], constant, value)
    _patch(Writes(start.writes, start.trigger))
    from moorage_operator.__main__ import main

    sys.exit(main(["--settings", str(start.settings)]))


def _end_with_the_tests() -> None:
    """However they end; the server that forked this process lives as long as its children do."""
    tests = multiprocessing.parent_process()
    assert tests is not None
    multiprocessing.connection.wait([tests.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


class Writes:
    """Counts writes, notes them, and pulls the trigger."""

    def __init__(self, file: Path, trigger: Trigger | None) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._trigger = trigger
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def about_to(self, write: str) -> int:
        """Which of its name it is."""
        with self._lock:
            self._seen[write] += 1
            os.write(self._file, f"{write}\n".encode())
            return self._seen[write]

    def strikes(self, write: str, occurrence: int, position: str) -> str | None:
        """The effect, if this is the moment; a kill does not return."""
        wanted = self._trigger
        if wanted is None or (wanted.write, wanted.occurrence, wanted.position) != (write, occurrence, position):
            return None
        if wanted.effect == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return wanted.effect


def write_name(what: str, method: str, body: Any) -> str:
    """`apply ConfigMap digits-run`: without the namespace, and without what differs from run to run."""
    if method == "POST" and (body or {}).get("kind") == "Event":
        return f"create Event {body['reason']}"
    return _GENERATED.sub("*", re.sub(r" [^ /]+/", " ", what))


def _patch(writes: Writes) -> None:
    from moorage_billing.remote import RemoteLedger
    from moorage_operator.kube.client import Kube

    original = Kube._write

    async def write(kube: Kube, method: str, path: str, what: str, body: Any, content_type: str) -> Any:
        name = write_name(what, method, body)
        return await _around(writes, name, lambda: original(kube, method, path, what, body, content_type))

    Kube._write = write
    for name in LEDGER_WRITES:
        setattr(RemoteLedger, name, _ledger_write(writes, name, getattr(RemoteLedger, name)))


async def _around(writes: Writes, name: str, send: Callable[[], Awaitable[Any]]) -> Any:
    occurrence = writes.about_to(name)
    await _suffer(writes.strikes(name, occurrence, "before"))
    try:
        return await send()
    finally:
        await _suffer(writes.strikes(name, occurrence, "after"))


async def _suffer(effect: str | None) -> None:
    if effect == "hang":
        await asyncio.Event().wait()
    elif effect == "block":
        threading.Event().wait()


def _ledger_write(writes: Writes, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def write(*arguments: Any, **named: Any) -> Any:
        called = f"ledger {name}"
        occurrence = writes.about_to(called)
        writes.strikes(called, occurrence, "before")
        try:
            return original(*arguments, **named)
        finally:
            writes.strikes(called, occurrence, "after")

    return write
