"""The access policy on its way from the ledger to the file that this pod's replicas follow."""

from __future__ import annotations

import time
from pathlib import Path

from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_billing.remote import RemoteLedger
from moorage_serving.access.key_ring import parse_policy
from moorage_serving.host.atomic_file import write_atomically

PACE_SECONDS = 1.0


class PolicyCopy:
    """Keeps the file as the ledger has it; while the ledger is out, as the ledger had it last."""

    def __init__(self, ledger: RemoteLedger, path: Path, tenants: list[str]) -> None:
        self._ledger, self._path = ledger, path
        self._tenants: list[str] = tenants
        self._etag: str | None = None
        self.known = _is_good(path)
        self.fetched_at: float | None = None
        """Of a monotonic clock: when the ledger last said how it stands."""

    def follow(self, tenants: list[str]) -> None:
        """From now on fetch the policy of these."""
        if tenants != self._tenants:
            self._tenants, self._etag = tenants, None

    def fetch(self) -> None:
        """Ask once. Raises MoorageError, and then the file stays as it is."""
        found = self._ledger.access_policy(self._tenants, self._etag if self._path.exists() else None)
        if found is not None:
            policy, etag = found
            try:
                write_atomically(self._path, policy.model_dump_json(by_alias=True, exclude_none=True))
            except OSError as error:
                raise Unavailable(Problem(f"cannot be written: {error.strerror}", str(self._path))) from None
            self._etag = etag
        self.known, self.fetched_at = True, time.monotonic()

    def age_seconds(self) -> float:
        """How long ago the ledger was last asked with success; infinite if it never was."""
        return float("inf") if self.fetched_at is None else time.monotonic() - self.fetched_at


def _is_good(path: Path) -> bool:
    try:
        parse_policy(path.read_bytes(), str(path))
    except (OSError, InvalidInput, ValueError):
        return False
    return True
