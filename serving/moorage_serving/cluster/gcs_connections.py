"""Who is connected to Ray's GCS, from the kernel's tables of this pod's TCP connections (proc_net_tcp.rst in Linux' documentation)."""

from __future__ import annotations

import contextlib
import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GCS_PORT = 6379
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"


@dataclass(frozen=True)
class Connection:
    """An established one. Addresses as the kernel writes them."""

    local: str
    local_port: int
    remote: str
    remote_port: int


def established(table: str) -> Iterator[Connection]:
    """Those of a table as /proc/net/tcp or tcp6 gives it; pure."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        (local, local_port), (remote, remote_port) = fields[1].split(":"), fields[2].split(":")
        if fields[3] == _ESTABLISHED:
            yield Connection(local, int(local_port, 16), remote, int(remote_port, 16))


def connections_here() -> Iterator[Connection]:
    """Those of this pod."""
    for table in _TABLES:
        with contextlib.suppress(OSError):
            yield from established(table.read_text())


def worker_is_connected() -> bool:
    """Whether another host has a connection to the GCS of this one."""
    return any(one.local_port == GCS_PORT and one.remote != one.local for one in connections_here())


def head_address() -> str | None:
    """The IP address of the head that this pod is connected to. None: it is connected to none.

    The name that Ray was started with is a Service's: it leads nowhere once the head is about to end, while the connection still stands.
    """
    found = next((one.remote for one in connections_here() if one.remote_port == GCS_PORT and one.remote != one.local), None)
    return None if found is None else address_of(found)


def address_of(written: str) -> str:
    """An address in the usual notation: the kernel writes words of four bytes in the order of this machine."""
    words = [int(written[i : i + 8], 16) for i in range(0, len(written), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
