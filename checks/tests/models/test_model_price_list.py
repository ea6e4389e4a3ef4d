"""A price book from an answer of the AWS Price List: the figures of the fact table come back, and mistakes are said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aurora_lab.models.price_book import PriceBookError, price_book, read_book
from aurora_lab.models.price_list import as_toml, book_from_price_list

BASE = price_book()


def product(usage_type: str, usd: str, unit: str = "Hrs", **attributes: str) -> str:
    """A product as GetProducts has it."""
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}}
    document: dict[str, Any] = {
        "product": {
            "productFamily": "any",
            "attributes": {
                "usagetype": usage_type,
                "databaseEngine": "Aurora PostgreSQL",
                "regionCode": "us-east-1",
                **attributes,
            },
        },
        "terms": {
            "OnDemand": {"SKU.JRTC": {"priceDimensions": {"SKU.JRTC.6YS6": dimension}}},
            "Reserved": {},
        },
        "publicationDate": "2026-12-01T00:00:00Z",
    }
    return json.dumps(document)


def instance(
    kind: str, size: str, usd: str, engine: str = "Aurora PostgreSQL", prefix: str = "", **more: str
) -> str:
    """An instance; the usage type shortens its class, the attribute does not."""
    short = size.replace("xlarge", "xl")
    attributes = {"instanceType": size, "vcpu": "8", "databaseEngine": engine, **more}
    return product(f"{prefix}{kind}:{short}", usd, **attributes)


LIST = [
    product("Aurora:StorageUsage", "0.1000000000", "GB-Mo", databaseEngine="Any"),
    product("Aurora:StorageIOUsage", "0.0000002000", "IOs", databaseEngine="Any"),
    product("Aurora:ServerlessV2Usage", "0.1200000000", "ACU-Hr"),
    product("Aurora:ServerlessV2Usage", "0.5000000000", "ACU-Hr", databaseEngine="Aurora MySQL"),
    instance("InstanceUsage", "db.r6g.2xlarge", "1.0380000000"),
    instance("InstanceUsageIOOptimized", "db.r6g.2xlarge", "1.3490000000"),
    instance("InstanceUsage", "db.r9g.2xlarge", "9.0000000000"),
    instance("InstanceUsage", "db.r6g.2xlarge", "0.8990000000", engine="PostgreSQL"),
    instance("Multi-AZUsage", "db.r6g.2xlarge", "1.7980000000", engine="PostgreSQL"),
    product("Something:Else", "3"),
]


def test_the_list_gives_the_prices_of_the_fact_table_again() -> None:
    found = book_from_price_list(LIST, "us-east-1", BASE)
    for item in (
        "storage.standard",
        "io.standard",
        "acu.standard",
        "instance.db.r6g.2xlarge",
        "rds.db.r6g.2xlarge",
    ):
        assert found.get(item).price == BASE.get(item).price
        assert found.get(item).date == "2026-12-01"
    assert float(found.instance("db.r6g.2xlarge", io_optimized=True).price) == 1.349
    assert float(found.database("db.r6g.2xlarge", multi_az=True).price) == 1.798
    assert (found.instance("db.r9g.2xlarge").vcpu, float(found.instance("db.r9g.2xlarge").price)) == (8, 9.0)
    # What the list does not have is the fact table's still.
    assert found.get("dsql.dpu") == BASE.get("dsql.dpu")


def test_another_region_says_what_is_not_its_own() -> None:
    prices = [
        product("EUW2-Aurora:ServerlessV2Usage", "0.14", "ACU-Hr", regionCode="eu-west-2"),
        instance("InstanceUsage", "db.r6g.large", "0.3", prefix="EUW2-", regionCode="eu-west-2"),
        product("Aurora:BackupUsage", "0.021", "GB-Mo"),
    ]
    found = book_from_price_list(prices, "eu-west-2", BASE)
    assert (found.region, float(found.get("acu.standard").price)) == ("eu-west-2", 0.14)
    assert found.get("backup").note == "the price of us-east-1"
    assert float(found.instance("db.r6g.large", io_optimized=True).price) == pytest.approx(0.39)
    with pytest.raises(PriceBookError, match="no price of instance"):
        found.instance("db.r7g.large")


@pytest.mark.parametrize("book", [BASE, book_from_price_list(LIST, "us-east-1", BASE)], ids=["facts", "list"])
def test_a_book_can_be_written_and_read_again(book: Any) -> None:
    again = read_book(as_toml(book))
    assert dict(again.prices) == dict(book.prices)
    assert again.region == book.region


@pytest.mark.parametrize(
    ("products", "sentence"),
    [
        ([], "has no price of Aurora PostgreSQL in us-east-1"),
        (["{"], "is no JSON"),
        (["{}"], "has no product"),
        ([product("Aurora:StorageUsage", "free")], "no price of storage.standard in USD"),
        ([product("Aurora:StorageUsage", "-1")], "is -1, which is none"),
        ([product("Aurora:StorageUsage", "NaN")], "is NaN, which is none"),
        (
            [product("Aurora:StorageUsage", "1"), product("Aurora:StorageUsage", "2")],
            "two prices of storage.standard",
        ),
    ],
)
def test_an_answer_that_is_none_gets_one_sentence(products: list[str], sentence: str) -> None:
    with pytest.raises(PriceBookError, match=sentence):
        book_from_price_list(products, "us-east-1", BASE)
