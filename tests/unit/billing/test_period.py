"""Months and instants in UTC."""

import pytest

from moorage_api.errors import InvalidInput
from moorage_billing.instant import micros_of, timestamp_of
from moorage_billing.period import Period


def test_a_period_is_a_calendar_month() -> None:
    december = Period.parse("2026-12")
    assert (december.start, december.end) == ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")
    assert str(december.plus(-12)) == "2025-12"


def test_offsets_count_in_utc() -> None:
    assert Period.containing("2026-12-01T00:30:00+01:00") == Period.parse("2026-11")


@pytest.mark.parametrize("bad", ["2026", "2026-13", "2026-1", "11-2026", "2026-11-01", "0000-01", ""])
def test_a_bad_period_names_the_value_and_the_remedy(bad: str) -> None:
    with pytest.raises(InvalidInput, match="2026-11"):
        Period.parse(bad)


@pytest.mark.parametrize("bad", ["yesterday", "2026-11-22", "2026-11-22T08:30:00", "2026-11-31T00:00:00Z"])
def test_a_bad_timestamp_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="RFC 3339"):
        micros_of(bad)


def test_an_instant_has_one_spelling() -> None:
    assert timestamp_of(micros_of("2026-11-22T09:30:00.250000+01:00")) == "2026-11-22T08:30:00.250000Z"
    assert timestamp_of(micros_of("2026-11-22T08:30:00.000000999Z")) == "2026-11-22T08:30:00Z"
