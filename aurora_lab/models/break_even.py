"""When I/O-Optimized is cheaper than Standard (FACTS 8.37).

With C the compute, S the storage and I the I/O at Standard prices, and C', S' the same at I/O-Optimized ones (whose
I/O costs nothing), I/O-Optimized wins when

    I  >  (C' - C) + (S' - S)

As I/O-Optimized instances cost 1.30 times as much and storage 2.25 times, that is I > 0.30 C + 1.25 S for
provisioned instances; for Serverless at 0.16 instead of 0.12 it is I > C/3 + 1.25 S. The price list rounds
each instance's price, so its own prices decide here, and 0.30 is what they come near to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from aurora_lab.models.bill import COMPUTE, IO, MILLION, STORAGE, Bill
from aurora_lab.models.billing import bill
from aurora_lab.models.curves import Curve, Number, exact
from aurora_lab.models.money import dollars
from aurora_lab.models.price_book import PriceBook
from aurora_lab.models.usage import NOTHING, ClusterUsage

SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Both bills of one usage, and where they cross."""

    standard: Bill
    io_optimized: Bill
    terms: Mapping[str, Fraction]
    """By what I/O-Optimized is dearer, in dollars: provisioned compute, serverless compute, storage."""
    io_price: Fraction
    """Dollars for one I/O."""
    rest: Fraction
    """Dollars of the cluster's own compute and storage on the Standard bill."""
    spent: Fraction
    """Dollars of its own I/O on the Standard bill."""

    @property
    def io_spend(self) -> Fraction:
        """Dollars of I/O at which both bills are the same."""
        return sum(self.terms.values(), Fraction(0))

    @property
    def ios(self) -> Fraction:
        """The I/Os that are so much, in the time of the bill."""
        return self.io_spend / self.io_price

    @property
    def ios_a_second(self) -> Fraction:
        """The same, all the time."""
        return self.ios / (self.standard.hours * SECONDS) if self.standard.hours else Fraction(0)

    @property
    def driver(self) -> str:
        """The term that is most of it; empty where there is nothing to pay for."""
        return max(self.terms, key=lambda name: self.terms[name]) if self.io_spend else ""

    @property
    def share(self) -> Fraction:
        """Which share of the Standard bill's compute, storage and I/O the I/O is at this point: AWS's "25 %"."""
        whole = self.rest + self.io_spend
        return self.io_spend / whole if whole else Fraction(0)

    @property
    def saved(self) -> Fraction:
        """Dollars that I/O-Optimized saves; negative where it costs more."""
        return self.standard.total - self.io_optimized.total

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "standard": str(self.standard.dollars),
            "io_optimized": str(self.io_optimized.dollars),
            "io_spend": str(dollars(self.io_spend)),
            "ios": float(self.ios),
            "ios_a_second": float(self.ios_a_second),
            "share_of_standard_bill": float(self.share),
            "terms": {name: str(dollars(cost)) for name, cost in self.terms.items()},
            "driver": self.driver,
            "io_optimized_saves": str(dollars(self.saved)),
            "known": not self.standard.not_measured,
        }


def break_even(book: PriceBook, usage: ClusterUsage, start: Number, end: Number) -> BreakEven:
    """Compare both storage types for the same usage. Raises PriceBookError."""
    standard = bill(book, replace(usage, io_optimized=NOTHING), start, end)
    optimized = bill(book, replace(usage, io_optimized=Curve.constant(1, start)), start, end)
    # Other Regions' clusters have a storage type of their own, which stays as it is.
    more = {
        "provisioned compute": _of(usage, optimized, COMPUTE, "hour") - _of(usage, standard, COMPUTE, "hour"),
        "serverless compute": _of(usage, optimized, COMPUTE, "ACU-hour")
        - _of(usage, standard, COMPUTE, "ACU-hour"),
        "storage": _of(usage, optimized, STORAGE, "GB-month") - _of(usage, standard, STORAGE, "GB-month"),
    }
    terms = {name: cost for name, cost in more.items() if cost}
    return BreakEven(
        standard,
        optimized,
        terms,
        exact(book.get("io.standard").price) / MILLION,
        rest=_of(usage, standard, COMPUTE) + _of(usage, standard, STORAGE),
        spent=_of(usage, standard, IO),
    )


def threshold(compute: Number, storage: Number, premium: Number = Fraction("0.30")) -> Fraction:
    """The I/O spend of FACTS 8.37 from what compute and storage cost at Standard prices, in dollars.

    `premium` is by which share I/O-Optimized compute is dearer: 0.30, or 1/3 for Serverless at 0.16.
    """
    return exact(premium) * exact(compute) + Fraction("1.25") * exact(storage)


def share(compute: Number, storage: Number, premium: Number = Fraction("0.30")) -> Fraction:
    """That spend as a share of the Standard bill, as AWS's "25 %" is one (FACTS 8.37)."""
    spend = threshold(compute, storage, premium)
    whole = exact(compute) + exact(storage) + spend
    return spend / whole if whole else Fraction(0)


def _of(usage: ClusterUsage, found: Bill, section: str, unit: str = "") -> Fraction:
    """Dollars of the cluster's own lines of a section, and of a unit."""
    lines = (line for line in found.lines if line.of == usage.name and line.section == section)
    return sum((line.cost for line in lines if unit in ("", line.price.unit)), Fraction(0))
