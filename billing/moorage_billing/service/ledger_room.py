"""Everything that requests work with: one database, what is kept in it, the threads that work on it, the metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from moorage_api.clock import utc_now
from moorage_billing.catalogue import CatalogueLedger, access_policy
from moorage_billing.cost_book import CostBook
from moorage_billing.database import Database
from moorage_billing.key_ledger import KeyLedger
from moorage_billing.ledger import Ledger
from moorage_billing.privacy_ledger import PrivacyLedger
from moorage_billing.service.metrics import ServiceMetrics
from moorage_billing.service.workers import Workers

_BUSY_SECONDS = 10.0
"""Below the clients' time-out: they should hear what holds the database up."""


class LedgerRoom:
    """Opened at start, closed at the end; everything in it is safe for threads."""

    def __init__(self, url: str, threads: int = 8, now: Callable[[], datetime] = utc_now) -> None:
        """Open the database, making or upgrading its tables. Raises InvalidInput, Unavailable."""
        self.now = now
        self.database = Database(url, _BUSY_SECONDS)
        self.usage = Ledger(self.database)
        self.privacy = PrivacyLedger(self.database)
        self.catalogue = CatalogueLedger(self.database)
        self.keys = KeyLedger(self.database)
        self.costs = CostBook(self.database)
        self.metrics = ServiceMetrics()
        self.on_database = Workers("database", threads)
        # Composition and pricing compute for long; each has threads of its own, so that events never wait for them.
        self.on_privacy = Workers("privacy accounts", 2)
        self.on_prices = Workers("prices", 1)

    def access_policy(self, tenants: list[str] | None) -> tuple[bytes, str]:
        """The access policy of `tenants` (None: of all) as JSON, and its ETag."""
        policy = access_policy(self.catalogue.current(), self.keys.current(), tenants, self.now())
        body = policy.model_dump_json(by_alias=True, exclude_none=True).encode()
        return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    def is_ready(self) -> None:
        """Ask the database something. Raises Unavailable."""
        self.catalogue.current()

    def close(self) -> None:
        """Wait for what is in work, then close the database."""
        for workers in (self.on_prices, self.on_privacy, self.on_database):
            workers.close()
        self.database.close()
