"""A bill: lines that are exact, and a total that is rounded once (`money`).

A month has 730 hours (FACTS section 8). What is free each month is free in proportion to the hours of the bill.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from aurora_lab.models.money import FINE, dollars
from aurora_lab.models.price_book import Price

MONTH_HOURS: Final = 730
COMPUTE, STORAGE, IO, BACKUP = "compute", "storage", "I/O", "backup"
SUPPORT, GLOBAL, EXTRA = "Extended Support", "global", "other"
SECTIONS = (COMPUTE, STORAGE, IO, BACKUP, SUPPORT, GLOBAL, EXTRA)
"""In which order a bill shows what it has."""
MILLION: Final = 10**6


@dataclass(frozen=True, slots=True)
class Line:
    """One line: so much of something, at a price."""

    of: str
    """The cluster, or the instance of RDS."""
    section: str
    """One of SECTIONS."""
    what: str
    quantity: Fraction
    """In the price's unit; what is free is taken off."""
    price: Price
    names: tuple[str, ...] = ()
    """The instances that it is for, where it is for instances."""

    @property
    def cost(self) -> Fraction:
        """Dollars, exact."""
        return self.quantity * Fraction(self.price.price)

    def plus(self, other: Line) -> Line:
        """Both as one line."""
        names = tuple(dict.fromkeys(self.names + other.names))
        return replace(self, quantity=self.quantity + other.quantity, names=names)


@dataclass(frozen=True, slots=True)
class Bill:
    """What is to be paid for the time from hour `start` to hour `end`."""

    title: str
    region: str
    start: Fraction
    end: Fraction
    lines: tuple[Line, ...]
    not_measured: tuple[str, ...] = ()
    """What it does not know, and so does not contain."""
    notes: tuple[str, ...] = ()

    @property
    def hours(self) -> Fraction:
        """Its length."""
        return self.end - self.start

    @property
    def total(self) -> Fraction:
        """Dollars, exact."""
        return sum((line.cost for line in self.lines), Fraction(0))

    @property
    def dollars(self) -> Decimal:
        """Dollars and cents."""
        return dollars(self.total)

    def section(self, name: str) -> Fraction:
        """Dollars of one section, exact."""
        return sum((line.cost for line in self.lines if line.section == name), Fraction(0))

    def sections(self) -> dict[str, Fraction]:
        """Those that it has, in order."""
        return {name: cost for name in SECTIONS if (cost := self.section(name))}

    def plus(self, other: Bill) -> Bill:
        """This one and the one that follows it, as one."""
        return replace(
            self,
            start=min(self.start, other.start),
            end=max(self.end, other.end),
            lines=merged(self.lines + other.lines),
            not_measured=tuple(dict.fromkeys(self.not_measured + other.not_measured)),
            notes=tuple(dict.fromkeys(self.notes + other.notes)),
        )

    def document(self) -> dict[str, Any]:
        """As JSON has it; amounts are texts, so that nothing is lost of them."""
        return {
            "title": self.title,
            "region": self.region,
            "hours": float(self.hours),
            "currency": "USD",
            "total": str(self.dollars),
            "total_fine": str(dollars(self.total, FINE)),
            "sections": {name: str(dollars(cost, FINE)) for name, cost in self.sections().items()},
            "lines": [_line(line) for line in self.lines],
            "not_measured": list(self.not_measured),
            "notes": list(self.notes),
        }


def merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines for the same at the same price become one; those of 0 go; in the order of the sections."""
    found: dict[tuple[str, str, str, str], Line] = {}
    for line in lines:
        key = (line.of, line.section, line.what, line.price.item)
        found[key] = found[key].plus(line) if key in found else line
    kept = [line for line in found.values() if line.quantity]
    return tuple(sorted(kept, key=lambda line: SECTIONS.index(line.section)))


def _line(line: Line) -> dict[str, Any]:
    price = line.price
    return {
        "of": line.of,
        "section": line.section,
        "what": line.what,
        "instances": list(line.names),
        "quantity": float(line.quantity),
        "unit": price.unit,
        "price": str(price.price),
        "amount": str(dollars(line.cost, FINE)),
        "item": price.item,
        "usage_type": price.usage_type,
        "fact": price.fact,
        "date": price.date,
        "confidence": price.confidence,
    }
