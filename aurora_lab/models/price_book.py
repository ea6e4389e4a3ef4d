"""What things cost: dated rows of one Region, each with its number in the fact table (FACTS section 8).

`prices.toml` beside this module is the book that everything uses unless it is given another one of the same form.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "storage.standard": "GB-month",
        "storage.io-optimized": "GB-month",
        "io.standard": "million I/Os",
        "backup": "GB-month",
        "snapshot-export": "GB",
        "backtrack": "million change records-hour",
        "global.replicated-write-io": "million I/Os",
        "acu.standard": "ACU-hour",
        "acu.io-optimized": "ACU-hour",
        "data-api": "million requests",
        "proxy": "vCPU-hour",
        "insights.vcpu": "vCPU-hour",
        "insights.acu": "ACU-hour",
        "support.years-1-2.vcpu": "vCPU-hour",
        "support.year-3.vcpu": "vCPU-hour",
        "support.years-1-2.acu": "ACU-hour",
        "support.year-3.acu": "ACU-hour",
        "transfer.cross-az": "GB",
        "transfer.other-region": "GB",
        "transfer.internet": "GB",
        "dsql.dpu": "million DPU",
        "dsql.storage": "GB-month",
        "io-optimized.factor": "times",
        "rds-multi-az.factor": "times",
        "rds.gp3": "GB-month",
        "rds-multi-az.gp3": "GB-month",
        "rds-multi-az-cluster.gp3": "GB-month",
        "rds.gp3-iops": "IOPS-month",
        "rds-multi-az.gp3-iops": "IOPS-month",
        "rds.io1": "GB-month",
        "rds.io1-iops": "IOPS-month",
        "rds.backup": "GB-month",
    }
)
"""The unit of each item. Instances are priced by the hour: `instance.CLASS`, `io-optimized.CLASS`, `rds.CLASS`,
`rds-multi-az.CLASS`."""
_INSTANCE = re.compile(r"(instance|io-optimized|rds|rds-multi-az)\.db\.[a-z0-9]+\.[a-z0-9]+")
_TEXTS = ("unit", "fact", "date", "confidence", "usage_type", "note")
_NEEDED = ("item", "price", "unit", "date")


class PriceBookError(Exception):
    """The book cannot be used, or has no such price; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Price:
    """One row."""

    item: str
    price: Decimal
    """Dollars for one `unit`."""
    unit: str
    date: str
    """Of its source."""
    fact: str = ""
    """Its row in the fact table, as `8.1`; empty in a book that has no facts."""
    confidence: str = ""
    usage_type: str = ""
    """What a bill of AWS calls it."""
    note: str = ""
    free: Decimal = Decimal(0)
    """How many units of each month cost nothing."""
    vcpu: int = 0
    """Of an instance class; 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """The prices of one Region, by item."""

    region: str
    prices: Mapping[str, Price]
    source: str = "the price book"
    """What an error calls it."""

    def get(self, item: str) -> Price:
        """One row. Raises PriceBookError where there is none."""
        if item in self.prices:
            return self.prices[item]
        family = item.split(".", maxsplit=1)[0] + "."
        near = get_close_matches(item, [name for name in self.prices if name.startswith(family)], 5, 0.6)
        hint = f" It has {', '.join(sorted(near))}." if near else ""
        raise PriceBookError(
            f"{self.source} has no price of {item}.{hint} Choose one that it has, "
            "or name a book that has it with --prices."
        )

    def instance(self, size: str, io_optimized: bool = False) -> Price:
        """An Aurora instance of class `size`, an hour. Where its I/O-Optimized price was not read, it is the factor
        times the standard one (FACTS 8.19). Raises PriceBookError."""
        if io_optimized and f"io-optimized.{size}" not in self.prices:
            return self._multiple(f"instance.{size}", "io-optimized")
        return self.get(f"{'io-optimized' if io_optimized else 'instance'}.{size}")

    def database(self, size: str, multi_az: bool = False) -> Price:
        """An RDS for PostgreSQL instance, an hour; Multi-AZ is the factor times Single-AZ where it was not read
        (FACTS 4.17, 8.22). Raises PriceBookError."""
        if multi_az and f"rds-multi-az.{size}" not in self.prices:
            return self._multiple(f"rds.{size}", "rds-multi-az")
        return self.get(f"{'rds-multi-az' if multi_az else 'rds'}.{size}")

    def _multiple(self, item: str, family: str) -> Price:
        base, factor = self.get(item), self.get(f"{family}.factor")
        note = f"{base.price} × {factor.price}"
        name = f"{family}.{item.partition('.')[2]}"
        return replace(
            base, item=name, price=base.price * factor.price, fact=factor.fact, usage_type="", note=note
        )

    def dates(self, prices: Iterable[Price]) -> tuple[str, ...]:
        """When the sources of these prices were read, each once."""
        return tuple(sorted({price.date for price in prices}))


@cache
def price_book() -> PriceBook:
    """The book of the fact table."""
    return read_book(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))


def read_book(text: str, source: str = "The price book") -> PriceBook:
    """A book from its TOML. Raises PriceBookError, which calls it `source`."""
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PriceBookError(f"{source} is no TOML: {error}.") from error
    region, rows = found.get("region"), found.get("prices")
    if not isinstance(region, str) or not region:
        raise PriceBookError(
            f'{source} does not say for which Region: write region = "us-east-1" above its rows.'
        )
    if found.get("currency", "USD") != "USD":
        raise PriceBookError(f"{source} is in {found['currency']!r}: only USD can be priced.")
    if not isinstance(rows, list) or not rows:
        raise PriceBookError(
            f"{source} has no rows: write them as prices = [ {{ item = …, price = … }}, … ]."
        )
    if unknown := sorted(set(found) - {"region", "currency", "prices"}):
        raise PriceBookError(f"{source} has {unknown[0]!r}, which is not one of region, currency, prices.")
    prices: dict[str, Price] = {}
    for number, row in enumerate(rows, 1):
        price = _row(row, f"Row {number} of {_within(source)}")
        if price.item in prices:
            raise PriceBookError(f"{source} prices {price.item} twice: keep one of the two rows.")
        prices[price.item] = price
    return PriceBook(region, MappingProxyType(prices), source)


def unit_of(item: str) -> str | None:
    """The unit in which an item is priced; None for an item that there is not."""
    return UNITS.get(item) or ("hour" if _INSTANCE.fullmatch(item) else None)


def _row(row: Any, where: str) -> Price:
    if not isinstance(row, dict):
        raise PriceBookError(f"{where} must be a table as {{ item = …, price = …, unit = …, date = … }}.")
    for name in _NEEDED:
        if name not in row:
            raise PriceBookError(f"{where} has no {name}: each row has {', '.join(_NEEDED)}.")
    if unknown := sorted(set(row) - {"item", "price", "free", "vcpu", *_TEXTS}):
        raise PriceBookError(f"{where} has {unknown[0]!r}, which no row has.")
    item = row["item"]
    unit = unit_of(item) if isinstance(item, str) else None
    if unit is None:
        near = get_close_matches(str(item), UNITS, 1, 0.6)
        hint = (
            f"Did you mean {near[0]}?" if near else "The items are named in the book that comes with the lab."
        )
        raise PriceBookError(f"{where} prices {item!r}, which nothing is billed by. {hint}")
    for name in _TEXTS:
        if not isinstance(row.get(name, ""), str):
            raise PriceBookError(f"{where}: {name} must be a text in quotes.")
    if row["unit"] != unit:
        raise PriceBookError(f"{where}: {item} is priced by the {unit}, not by the {row['unit']}.")
    return Price(
        price=_amount(row["price"], f"{where}: the price of {item}"),
        free=_amount(row.get("free", 0), f"{where}: what is free of {item}"),
        vcpu=_count(row.get("vcpu", 0), f"{where}: the vCPU of {item}"),
        item=item,
        **{name: row[name] for name in _TEXTS if name in row},
    )


def _amount(value: Any, what: str) -> Decimal:
    number = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(number, Decimal) or not number.is_finite() or number < 0:
        raise PriceBookError(f"{what} must be a number of at least 0, and is {value!r}.")
    return number


def _count(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise PriceBookError(f"{what} must be a whole number, and is {value!r}.")
    return value


def _within(source: str) -> str:
    return source[0].lower() + source[1:] if source.startswith("The ") else source
