"""Money: a decimal string where people and files see it, an integer of nano-units (10^-9 of the currency) inside."""

from __future__ import annotations

from moorage_billing.fixed_point import divide_half_even, scaled, unscaled

NANO_PLACES = 9

# ISO 4217 currencies whose minor unit is not a hundredth.
_MINOR_PLACES = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}


def nano_of(amount: str) -> int:
    """Nano-units of a decimal string; raises ValueError beyond nine decimals."""
    return scaled(amount, NANO_PLACES)


def decimal_of(nano: int) -> str:
    """The exact, shortest decimal string."""
    return unscaled(nano, NANO_PLACES)


def display(nano: int, currency: str) -> str:
    """For people: rounded half-even to the currency's minor unit, e.g. `1,234.50 EUR`, `12 JPY`."""
    places = _MINOR_PLACES.get(currency, 2)
    minor = divide_half_even(nano, 10 ** (NANO_PLACES - places))
    whole, _, fraction = unscaled(abs(minor), places).partition(".")
    grouped = f"{int(whole):,}" + (f".{fraction.ljust(places, '0')}" if places else "")
    return f"{'-' if minor < 0 else ''}{grouped} {currency}"
