"""The price book says what the fact table says; a book with a mistake gets one clear sentence."""

from __future__ import annotations

import re

import pytest

from aurora_lab.course.facts import facts
from aurora_lab.models.price_book import PriceBookError, price_book, read_book, unit_of
from aurora_lab.models.usage import READ_DPU, WRITE_DPU
from aurora_lab.region.rds.orderable import instance_class

ROW = '{ item = "io.standard", price = 0.20, unit = "million I/Os", date = "2026-07-28" }'


def book(*rows: str, head: str = 'region = "eu-west-1"') -> str:
    """A book of these rows."""
    return f"{head}\nprices = [ {', '.join(rows)} ]"


@pytest.mark.parametrize("item", sorted(price_book().prices))
def test_each_row_stands_in_the_fact_table(item: str) -> None:
    price = price_book().get(item)
    fact = facts().get(price.fact)
    said = f"{fact.text} {fact.source} {fact.date}"
    figures = {
        float(figure.replace(",", ""))
        for figure in re.findall(r"\d[\d,]*(?:\.\d+)?", said.replace("×2", "× 2"))
    }
    assert float(price.price) in figures
    assert price.date in said or (price.date, price.fact[:4]) == ("2026-03-28", "8.16")
    assert price.confidence in fact.confidence
    if price.usage_type:
        assert price.usage_type in said


@pytest.mark.parametrize("item", [name for name in price_book().prices if name.startswith("instance.")])
def test_vcpus_are_those_of_the_region(item: str) -> None:
    size = instance_class(item.partition(".")[2])
    assert size is not None
    assert price_book().get(item).vcpu == size[0]


def test_the_dpus_are_those_of_the_fact() -> None:
    text = facts().get("10.34").text
    assert str(float(READ_DPU * 10**6))[:7] in text.replace("0.00000", "") or "0.00000183105" in text
    assert "0.00004883" in text
    assert (READ_DPU * 10**11, WRITE_DPU * 10**8) == (183105, 4883)


def test_an_io_optimized_price_that_was_not_read_is_the_factor_times_the_other() -> None:
    found = price_book().instance("db.r7g.large", io_optimized=True)
    assert float(found.price) == pytest.approx(0.276 * 1.30)
    assert found.fact == "8.19"
    assert float(price_book().instance("db.r7g.xlarge", io_optimized=True).price) == 0.719
    assert float(price_book().database("db.r6g.xlarge", multi_az=True).price) == 0.899
    assert float(price_book().database("db.r6g.large", multi_az=True).price) == 0.450


def test_a_price_that_nobody_read_is_not_made_up() -> None:
    """FACTS 8.20."""
    with pytest.raises(PriceBookError, match=r"no price of instance.db.r9g.large. It has .*db.r8g.large"):
        price_book().instance("db.r9g.large")
    with pytest.raises(PriceBookError, match=r"no price of instance.db.r9g.large"):
        price_book().instance("db.r9g.large", io_optimized=True)


def test_another_book_is_read() -> None:
    found = read_book(book(ROW), "mine.toml")
    assert (found.region, float(found.get("io.standard").price)) == ("eu-west-1", 0.2)
    assert unit_of("rds.db.m6g.large") == "hour"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prices = [", "mine.toml is no TOML"),
        (book(ROW, head=""), "does not say for which Region"),
        (book(ROW, head='region = "x"\ncurrency = "EUR"'), "only USD"),
        (book(ROW, head='region = "x"\nprice = 1'), "'price', which is not one of"),
        (book(), "has no rows"),
        ('region = "x"\nprices = 3', "has no rows"),
        (book("1"), "Row 1 of mine.toml must be a table"),
        (book(ROW, ROW), "prices io.standard twice"),
        (book(ROW.replace(', date = "2026-07-28"', "")), "Row 1 of mine.toml has no date"),
        (book(ROW.replace("io.standard", "io.standart")), "Did you mean io.standard"),
        (book(ROW.replace('"io.standard"', "7")), "prices 7, which nothing is billed by"),
        (book(ROW.replace("million I/Os", "I/O")), "is priced by the million I/Os, not by the I/O"),
        (book(ROW.replace("0.20", "-0.20")), "must be a number of at least 0, and is"),
        (book(ROW.replace("0.20", "nan")), "must be a number of at least 0"),
        (book(ROW.replace("0.20", '"0.20"')), "must be a number of at least 0"),
        (book(ROW.replace("0.20", "true")), "must be a number of at least 0"),
        (book(ROW.replace("date =", "vcpu = 1.5, date =")), "must be a whole number"),
        (book(ROW.replace("date =", "note = 5, date =")), "note must be a text in quotes"),
        (book(ROW.replace("date =", "cost = 5, date =")), "'cost', which no row has"),
    ],
)
def test_a_mistake_in_a_book_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(PriceBookError) as caught:
        read_book(text, "mine.toml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
