"""A price book from what the AWS Price List says today. Pure: from the texts of an answer to a book, and to TOML.

Each product of `GetProducts` (service `AmazonRDS`) is a JSON text: its attributes, and terms with prices. Those
that are billed on demand and that the book has a usage type for (FACTS 8.1 to 8.6), or that are instances (FACTS
8.19, 8.22), become rows of the day when the list was published. All else keeps its row, and says of which Region.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from aurora_lab.models.price_book import Price, PriceBook, PriceBookError, unit_of

AURORA, RDS = "Aurora PostgreSQL", "PostgreSQL"
ANY_ENGINE = frozenset({"", "Any", AURORA})
"""What a product of the volume says of its engine, if it is not MySQL's."""
MILLION: Final = 10**6
_FAMILIES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (AURORA, "InstanceUsage"): "instance",
        (AURORA, "InstanceUsageIOOptimized"): "io-optimized",
        (RDS, "InstanceUsage"): "rds",
        (RDS, "Multi-AZUsage"): "rds-multi-az",
    }
)
_REGION = re.compile(r"^[A-Z]{2,4}\d?-(?=[A-Z])")
"""What usage types of other Regions than us-east-1 begin with."""
_CLASS = re.compile(r"db\.[a-z0-9]+\.[a-z0-9]+")


def book_from_price_list(products: Iterable[str], region: str, base: PriceBook) -> PriceBook:
    """`base` with today's prices of `region`. Raises PriceBookError for an answer without a price, or no answer."""
    items = {price.usage_type: price.item for price in base.prices.values() if price.usage_type}
    found: dict[str, Price] = {}
    for text in products:
        price = _price(_document(text), items, region)
        if price is None:
            continue
        before = found.get(price.item)
        if before is not None and before.price != price.price:
            raise PriceBookError(
                f"The price list of {region} has two prices of {price.item}, {before.price} and {price.price}: "
                "write the one that holds into a book of your own."
            )
        found[price.item] = price
    if not found:
        raise PriceBookError(
            f"The price list has no price of Aurora PostgreSQL in {region}: check the Region's name."
        )
    kept = {
        item: price if region == base.region or price.unit == "times" else _elsewhere(price, base.region)
        for item, price in base.prices.items()
        # An instance's price of another Region or day would stand beside today's.
        if item in found or unit_of(item) != "hour" or region == base.region
    }
    rows = {item: _beside(price, base) for item, price in found.items()}
    return PriceBook(region, MappingProxyType({**kept, **rows}), "The price list")


def as_toml(book: PriceBook) -> str:
    """A book in the form of `--prices FILE`."""
    lines = [f"region = {json.dumps(book.region)}", 'currency = "USD"', "", "prices = ["]
    lines += [f"    {{ {', '.join(_cells(price))} }}," for price in book.prices.values()]
    return "\n".join([*lines, "]", ""])


def _document(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise PriceBookError("The price list's answer is no JSON: ask again.") from error
    if not isinstance(document, dict) or not isinstance(document.get("product"), dict):
        raise PriceBookError("The price list's answer has no product: its form has changed.")
    return document


def _price(document: Mapping[str, Any], items: Mapping[str, str], region: str) -> Price | None:
    """The row of a product; None for one that no book has."""
    attributes = document["product"].get("attributes") or {}
    if attributes.get("regionCode", region) != region:
        return None
    usage_type = _REGION.sub("", str(attributes.get("usagetype", "")))
    engine = str(attributes.get("databaseEngine", ""))
    if usage_type in items and engine in ANY_ENGINE:
        item = items[usage_type]
    else:
        size = str(attributes.get("instanceType", ""))
        family = _FAMILIES.get((engine, usage_type.partition(":")[0]))
        if family is None or not _CLASS.fullmatch(size):
            return None
        item = f"{family}.{size}"
    unit = unit_of(item)
    dimension = _on_demand(document, item)
    if unit is None or dimension is None:
        return None
    amount = _dollars(dimension, item)
    # The list says the price of one I/O, the book that of a million.
    if unit.startswith("million") and "million" not in str(dimension.get("unit", "")).lower():
        amount *= MILLION
    cpus = str(attributes.get("vcpu", ""))
    return Price(
        item=item,
        price=amount.normalize(),
        unit=unit,
        date=str(document.get("publicationDate", "today"))[:10],
        usage_type=str(attributes.get("usagetype", "")),
        vcpu=int(cpus) if cpus.isdecimal() else 0,
    )


def _on_demand(document: Mapping[str, Any], item: str) -> Mapping[str, Any] | None:
    """The one price of the first unit on; None where it is not sold on demand."""
    dimensions = [
        dimension
        for term in ((document.get("terms") or {}).get("OnDemand") or {}).values()
        for dimension in (term.get("priceDimensions") or {}).values()
        if str(dimension.get("beginRange", "0")) == "0"
    ]
    if len(dimensions) > 1:
        raise PriceBookError(
            f"The price list has {len(dimensions)} prices of {item} on demand: its form has changed."
        )
    return dimensions[0] if dimensions else None


def _dollars(dimension: Mapping[str, Any], item: str) -> Decimal:
    try:
        amount = Decimal(str(dimension["pricePerUnit"]["USD"]))
    except (KeyError, TypeError, InvalidOperation) as error:
        raise PriceBookError(f"The price list has no price of {item} in USD.") from error
    if not amount.is_finite() or amount < 0:
        raise PriceBookError(f"The price list's price of {item} is {amount}, which is none.")
    return amount


def _beside(price: Price, base: PriceBook) -> Price:
    """What the list does not say of a row, from the row that was there."""
    before = base.prices.get(price.item)
    if before is None:
        return price
    return replace(price, free=before.free, vcpu=price.vcpu or before.vcpu)


def _elsewhere(price: Price, region: str) -> Price:
    note = f"the price of {region}"
    return replace(price, note=f"{note}; {price.note}" if price.note else note)


def _cells(price: Price) -> Iterator[str]:
    yield f"item = {json.dumps(price.item)}"
    yield f"price = {price.price:f}"
    yield f"unit = {json.dumps(price.unit)}"
    if price.free:
        yield f"free = {price.free:f}"
    if price.vcpu:
        yield f"vcpu = {price.vcpu}"
    for name in ("fact", "date", "confidence", "usage_type", "note"):
        if said := getattr(price, name):
            yield f"{name} = {json.dumps(said, ensure_ascii=False)}"
