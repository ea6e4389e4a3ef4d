"""How dollars are rounded: once, where they are shown, half up.

Until then an amount is a fraction. So a total may differ by a cent from the sum of lines that were rounded before.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

CENTS = 2
FINE = 6
"""Places of small amounts: a lab's minute costs less than a cent."""


def dollars(amount: Fraction, places: int = CENTS) -> Decimal:
    """The amount with so many places; a half is rounded away from 0."""
    scaled = floor(abs(amount) * 10**places + Fraction(1, 2))
    return Decimal(-scaled if amount < 0 else scaled).scaleb(-places)


def shown(amount: Fraction, fine: bool = False) -> str:
    """As `$1,234.50`; `fine`: with six places."""
    rounded = dollars(amount, FINE if fine else CENTS)
    return f"-${-rounded:,}" if rounded < 0 else f"${rounded:,}"
