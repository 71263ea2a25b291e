"""The processes of this container or machine that matter when it has to go, found in /proc: Ray's HAProxy, its raylet, the replicas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPLICA = b"ray::ServeReplica"


@dataclass(frozen=True)
class Process:
    """A process as /proc shows it."""

    pid: int
    program: str
    """The name of the file that it runs."""
    arguments: tuple[bytes, ...]
    """Its command line; what Ray's workers put in its place is one argument."""

    def option(self, name: str) -> str | None:
        """The value of `--name=value`."""
        prefix = f"{name}=".encode()
        return next((word[len(prefix) :].decode() for word in self.arguments if word.startswith(prefix)), None)


def processes() -> Iterator[Process]:
    """Those of this user that can be looked at."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                yield Process(int(entry.name), (entry / "exe").readlink().name, tuple(words))
            except OSError:  # it has ended, or is another user's
                continue


def haproxies(folder: Path) -> list[int]:
    """The HAProxies whose configuration lies below `folder`, those of earlier reloads that still finish included.

    Ray has a folder of each node's own below the one that it is told.
    """
    below = f"{folder}/".encode()
    return [p.pid for p in processes() if p.program == "haproxy" and any(word.startswith(below) for word in p.arguments)]


def replicas() -> list[int]:
    """Ray Serve's replicas."""
    return [p.pid for p in processes() if p.arguments[0].startswith(REPLICA)]


def raylet() -> Process | None:
    """This node's raylet."""
    return next((p for p in processes() if p.program == "raylet"), None)
