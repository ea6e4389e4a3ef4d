"""Lesson 09: what its checks look at, and how they compare money."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from aurora_lab.course.exercises import Evidence, Mistake, need
from aurora_lab.course.region_view import Document, RegionView, SqlError
from aurora_lab.models.money import shown
from aurora_lab.models.price_book import price_book

CLUSTER = "parcels"
DATABASE = "parcels"
MONTH = 730
"""Hours."""
MONTH_SECONDS = MONTH * 3600
MILLION = 1_000_000
NEAR = 0.01
"""By which share an amount may differ: a learner may round."""


def price(item: str) -> float:
    """Dollars, of the price book's unit."""
    return float(price_book().get(item).price)


def io_price() -> float:
    """Dollars of one I/O."""
    return price("io.standard") / MILLION


def near(found: float, right: float, share: float = NEAR) -> bool:
    """Whether two amounts are the same, but for rounding."""
    return abs(found - right) <= share * max(abs(right), 1e-12)


def dollars(amount: float) -> str:
    """As `$1,234.50`; below a dollar with six places."""
    return shown(Fraction(amount), fine=abs(amount) < 1)


PAIR = 2
"""Page reads and log writes, as `billed` returns them."""


def number(evidence: Evidence, name: str) -> float:
    """A number that the notebook holds. Raises Mistake."""
    return _number(need(evidence, name), name)


def numbers(evidence: Evidence, name: str, count: int) -> list[float]:
    """A list of so many numbers. Raises Mistake."""
    value = need(evidence, name)
    if not isinstance(value, list | tuple) or len(value) != count:
        raise Mistake(
            "not-numbers",
            f"`{name}` holds {str(value)[:100]}.",
            f"{count} numbers.",
            "Run the whole answer cell again.",
        )
    return [_number(item, name) for item in value]


def amounts(evidence: Evidence, name: str, *keys: str) -> dict[str, float]:
    """A dictionary with numbers of these keys. Raises Mistake."""
    value = need(evidence, name)
    missing = [key for key in keys if not isinstance(value, Mapping) or key not in value]
    if missing:
        raise Mistake(
            "no-amount",
            f"`{name}` has no {missing[0]!r}: it holds {str(value)[:100]}.",
            f"A number for each of {', '.join(keys)}.",
            "A dictionary, as the comment in the answer cell shows it.",
        )
    return {key: _number(value[key], f"{name}[{key!r}]") for key in keys}


def _number(value: Any, name: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list | tuple) and len(value) == PAIR:
        raise Mistake(
            "not-a-number",
            f"`{name}` holds {str(value)[:100]}: two figures.",
            "One of the two.",
            "`billed` gives page reads and log writes, in this order: `reads, writes = billed(...)`.",
        )
    raise Mistake(
        "not-a-number",
        f"`{name}` holds {str(value)[:100]}.",
        "A number.",
        "Is there still `...` in the answer cell, or does a function lack its `return`?",
    )


def the_writer(region: RegionView) -> str:
    """The instance that writes. Mistake where there is none."""
    cluster: Document = region.cluster(CLUSTER) or {"DBClusterMembers": []}
    for member in cluster["DBClusterMembers"]:
        if member["IsClusterWriter"]:
            return str(member["DBInstanceIdentifier"])
    raise Mistake(
        "no-cluster",
        f"There is no DB cluster `{CLUSTER}` with an instance in the region.",
        f"The cluster `{CLUSTER}`, with its writer.",
        "The cells at the top of the lesson make them.",
    )


def rows(region: RegionView, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query on the writer. Mistake where the lesson's table is not there."""
    writer = the_writer(region)
    try:
        return region.sql(writer, query, database=DATABASE)
    except SqlError as error:
        if error.sqlstate not in ("42P01", "3D000"):
            raise
        raise Mistake(
            "no-table",
            f"`{writer}` says: {error}.",
            "The tables of the lesson.",
            "Run the cells above that make and load them.",
        ) from error


def indexes(region: RegionView) -> dict[str, str]:
    """The indexes of the table `parcel`: what each is on, by its name."""
    found = rows(region, "select indexname, indexdef from pg_indexes where tablename = 'parcel'")
    return {str(name): str(made).partition(" USING ")[2] for name, made in found}
