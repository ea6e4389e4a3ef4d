"""Which price of Extended Support an Aurora PostgreSQL version has on a day (FACTS 8.45)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from aurora_lab.models.usage import Support

CALENDAR: Final[Mapping[int, tuple[date, date | None]]] = MappingProxyType(
    {
        11: (date(2024, 4, 1), date(2026, 4, 1)),
        12: (date(2025, 3, 1), date(2027, 3, 1)),
        13: (date(2026, 3, 1), date(2028, 3, 1)),
        14: (date(2027, 3, 1), None),
    }
)
"""By major version: when it is first charged, and when the price of year 3 begins (None: not known)."""


def support_on(major: int, day: date) -> Support:
    """What is charged for that version on that day; newer versions than the calendar's are in standard support.

    Raises ValueError for a version that is older than the calendar.
    """
    if major < min(CALENDAR):
        raise ValueError(f"the calendar of Extended Support begins with version {min(CALENDAR)}")
    if major not in CALENDAR:
        return Support.NONE
    first, third = CALENDAR[major]
    if day < first:
        return Support.NONE
    return Support.YEAR_3 if third is not None and day >= third else Support.YEARS_1_2
