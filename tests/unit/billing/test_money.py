"""Exact decimals: what is printed is what is billed."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_billing.fixed_point import divide_half_even, scaled, unscaled
from moorage_billing.money import decimal_of, display, nano_of


@given(st.integers(-(10**24), 10**24), st.integers(0, 15))
def test_a_decimal_string_reads_back_exactly(value: int, places: int) -> None:
    assert scaled(unscaled(value, places), places) == value


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**15))
def test_division_rounds_half_even_as_fractions_do(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@pytest.mark.parametrize("bad", ["1e3", "1.0000000001", "", ".5", "5.", "+1", "1,000", "nan", "１"])
def test_what_is_no_decimal_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        nano_of(bad)


def test_money_reads_and_prints_exactly() -> None:
    assert nano_of("0.000000001") == 1
    assert decimal_of(-1_500_000_000) == "-1.5"
    assert decimal_of(0) == "0"


@pytest.mark.parametrize(
    ("nano", "currency", "text"),
    [
        (1_234_500_000_000, "EUR", "1,234.50 EUR"),
        (5_000_000, "USD", "0.00 USD"),
        (15_000_000, "USD", "0.02 USD"),
        (-2_345_000_000, "USD", "-2.34 USD"),
        (12_500_000_000, "JPY", "12 JPY"),
        (1_234_567_890, "KWD", "1.235 KWD"),
    ],
)
def test_people_see_the_minor_unit_rounded_half_even(nano: int, currency: str, text: str) -> None:
    assert display(nano, currency) == text
