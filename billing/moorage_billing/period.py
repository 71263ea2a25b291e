"""Billing periods: calendar months in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from moorage_api.errors import InvalidInput, Problem
from moorage_billing.instant import micros_of

_MONTH = re.compile(r"^([0-9]{4})-(0[1-9]|1[0-2])$")


@dataclass(frozen=True, order=True)
class Period:
    """One calendar month in UTC; `start` is in it, `end` is not."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """`2026-11`. Raises InvalidInput."""
        match = _MONTH.match(text)
        if match is None or match[1] == "0000":
            raise InvalidInput(Problem("not a billing period", "", "period", text, "write year and month, such as 2026-11"))
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def containing(cls, timestamp: str) -> Period:
        """The month that an RFC 3339 timestamp falls in. Raises InvalidInput."""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros_of(timestamp))
        return cls(moment.year, moment.month)

    def plus(self, months: int) -> Period:
        """The period that many months later."""
        index = self.year * 12 + self.month - 1 + months
        return Period(index // 12, index % 12 + 1)

    @property
    def start(self) -> str:
        """RFC 3339, inclusive."""
        return f"{self.year:04d}-{self.month:02d}-01T00:00:00Z"

    @property
    def end(self) -> str:
        """RFC 3339, exclusive."""
        return self.plus(1).start

    @property
    def bounds_us(self) -> tuple[int, int]:
        """Start and end in microseconds since 1970."""
        return micros_of(self.start), micros_of(self.end)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
