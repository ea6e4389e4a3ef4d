"""The worked figures of the fact table to the cent, and what holds of every bill."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_lab.models.bill import COMPUTE, IO, MONTH_HOURS, SUPPORT, Bill
from aurora_lab.models.billing import bill, bill_database, bill_dsql
from aurora_lab.models.break_even import break_even, share, threshold
from aurora_lab.models.curves import Curve
from aurora_lab.models.extended_support import support_on
from aurora_lab.models.money import dollars, shown
from aurora_lab.models.price_book import price_book
from aurora_lab.models.usage import (
    Amount,
    ClusterUsage,
    DatabaseUsage,
    DsqlUsage,
    Instance,
    Serverless,
    Span,
    Support,
    Transaction,
    dpus,
    read_ios,
    write_ios,
)

BOOK = price_book()
OPTIMIZED = Curve.constant(1)


def instances(size: str, count: int = 1) -> tuple[Instance, ...]:
    """Instances that are there all the time."""
    return tuple(Instance(f"shop-{number}", (Span(Fraction(0), None, size),)) for number in range(count))


def serverless(acus: float) -> tuple[Serverless, ...]:
    """One at a fixed size."""
    return (Serverless("shop-1", Curve.constant(acus)),)


def month(usage: ClusterUsage) -> Bill:
    """A month's bill."""
    return bill(BOOK, usage, 0, MONTH_HOURS)


# The worked figures.


def test_eight_pinned_acus_cost_3_7_times_the_instance_of_the_same_memory() -> None:
    """FACTS 5.24."""
    pinned = bill(BOOK, ClusterUsage("shop", serverless=serverless(8)), 0, 1)
    provisioned = bill(BOOK, ClusterUsage("shop", instances("db.r6g.large")), 0, 1)
    assert (pinned.dollars, provisioned.dollars) == (Decimal("0.96"), Decimal("0.26"))
    assert round(float(pinned.total / provisioned.total), 1) == 3.7
    same = provisioned.total / pinned.total
    assert round(float(same), 2) == 0.27
    assert round(float(8 * same), 1) == 2.2


def test_the_break_even_is_the_share_that_the_facts_say() -> None:
    """FACTS 8.37: provisioned without storage, with a little, storage alone, Serverless at 0.16."""
    assert round(float(share(1, 0)), 3) == 0.231
    assert float(share(1, Fraction("0.03636"))) == pytest.approx(0.25, abs=1e-5)
    assert round(float(share(0, 1)), 3) == 0.556
    assert share(1, 0, Fraction(1, 3)) == Fraction(1, 4)
    assert threshold(100, 10) == Fraction("42.5")
    found = break_even(BOOK, ClusterUsage("shop", serverless=serverless(4)), 0, MONTH_HOURS)
    assert found.share == Fraction(1, 4)
    only_storage = break_even(BOOK, ClusterUsage("shop", volume=Curve.constant(100)), 0, MONTH_HOURS)
    assert round(float(only_storage.share), 3) == 0.556


def test_two_r6g_2xlarge_and_150_gb_break_even_at_2_36_billion() -> None:
    """FACTS 8.38."""
    usage = ClusterUsage("shop", instances("db.r6g.2xlarge", 2), volume=Curve.constant(150))
    found = break_even(BOOK, usage, 0, MONTH_HOURS)
    assert found.standard.dollars == Decimal("1530.48")
    assert dollars(found.io_optimized.section(COMPUTE)) == Decimal("1969.54")
    assert found.io_optimized.dollars == Decimal("2003.29")
    assert dollars(found.io_spend) == Decimal("472.81")
    assert round(float(found.ios / 10**9), 3) == 2.364
    assert round(float(found.ios_a_second), -1) == 900
    assert found.driver == "provisioned compute"


def test_extended_support_of_16_vcpu_is_14016_dollars_a_year_and_doubles() -> None:
    """FACTS 8.56."""
    old = ClusterUsage("shop", instances("db.r6g.4xlarge"), support=((Fraction(0), Support.YEARS_1_2),))
    year = bill(BOOK, old, 0, 8760)
    assert dollars(year.section(SUPPORT)) == Decimal("14016.00")
    older = bill(BOOK, replace(old, support=((Fraction(0), Support.YEAR_3),)), 0, 8760)
    assert older.section(SUPPORT) == 2 * year.section(SUPPORT)


def test_half_an_acu_that_never_sleeps_is_43_80_a_month() -> None:
    """FACTS 8.58."""
    assert month(ClusterUsage("shop", serverless=serverless(0.5))).dollars == Decimal("43.80")


def test_the_errors_of_two_cost_tools() -> None:
    """FACTS 8.61: the I/O-Optimized rate on a Standard cluster; I/O on an I/O-Optimized one."""
    usage = ClusterUsage("shop", instances("db.r6g.large"))
    assert month(usage).dollars == Decimal("189.80")
    assert month(replace(usage, io_optimized=OPTIMIZED)).dollars == Decimal("246.74")
    busy = replace(usage, reads=Curve.constant(10**9))
    assert month(busy).section(IO) == 730 * 200
    assert month(replace(busy, io_optimized=OPTIMIZED)).section(IO) == 0


def test_bills_that_people_reported() -> None:
    """FACTS 8.50 and 8.55."""
    io = ClusterUsage("shop", reads=Curve.constant(Fraction(25_520_000_000, MONTH_HOURS)))
    assert month(io).dollars == Decimal("5104.00")
    kept = ClusterUsage("shop", snapshots=Curve.constant(500 * 3 * 365))
    assert month(kept).dollars == Decimal("11497.50")


# How things are counted.


@pytest.mark.parametrize(("minutes", "billed"), [(1, 10), (10, 10), (25, 25)])
def test_an_instance_is_billed_for_ten_minutes_at_least(minutes: int, billed: int) -> None:
    span = Span(Fraction(1), 1 + Fraction(minutes, 60), "db.r6g.large")
    found = bill(BOOK, ClusterUsage("shop", (Instance("shop-1", (span,)),)), 0, 5)
    assert found.total == Fraction(billed, 60) * Fraction("0.26")


def test_io_is_counted_in_pages_and_in_4_kb_of_log() -> None:
    """FACTS 8.30, 8.31: 1,024 bytes alone, 50 and 3,000 bytes together, 5,000 bytes."""
    assert write_ios([[1024]]) == 1
    assert write_ios([[50, 3000]]) == 1
    assert write_ios([[5000]]) == 2
    assert write_ios([]) == 0
    assert read_ios(7) == 7


def test_backups_are_free_up_to_the_volume_and_with_one_day() -> None:
    usage = ClusterUsage(
        "shop", volume=Curve.constant(100), backups=Curve.constant(150), retention_days=7, snapshots=Curve()
    )
    assert dollars(month(usage).section("backup")) == Decimal("1.05")
    assert month(replace(usage, retention_days=1)).section("backup") == 0
    assert month(replace(usage, backups=Curve.constant(100))).section("backup") == 0


def test_each_secondary_has_its_writes_replicated_also_on_io_optimized() -> None:
    secondary = ClusterUsage("eu", instances("db.r6g.large"), volume=Curve.constant(10))
    usage = ClusterUsage(
        "shop",
        writes=Curve.constant(10**6),
        io_optimized=OPTIMIZED,
        secondaries=(secondary, replace(secondary, name="ap")),
    )
    found = month(usage)
    assert found.section("global") == 730 * 2 * Fraction("0.20")
    assert found.section(IO) == 0
    assert {line.of for line in found.lines} == {"shop", "eu", "ap"}


def test_a_change_of_the_storage_type_changes_the_prices_from_then_on() -> None:
    usage = ClusterUsage("shop", instances("db.r6g.large"), io_optimized=Curve.steps([(10, 1)]))
    assert bill(BOOK, usage, 0, 20).total == 10 * Fraction("0.26") + 10 * Fraction("0.338")


def test_what_nobody_measured_is_listed_and_not_counted() -> None:
    usage = ClusterUsage(
        "shop", serverless=(Serverless("shop-1", None),), volume=None, reads=None, writes=None, snapshots=None
    )
    found = month(usage)
    assert found.total == 0
    assert [missing.split(" ")[0] for missing in found.not_measured] == [
        "capacity",
        "size",
        "page",
        "log",
        "size",
    ]
    optimized = month(replace(usage, io_optimized=OPTIMIZED)).not_measured
    assert not [missing for missing in optimized if "I/Os" in missing]


def test_rds_and_dsql() -> None:
    """FACTS 8.21 to 8.23: Multi-AZ is twice; what is free of DSQL each month."""
    database = DatabaseUsage("rds", instances("db.r6g.large")[0].spans, storage=Curve.constant(100))
    single = bill_database(BOOK, database, 0, MONTH_HOURS)
    assert single.dollars == Decimal("175.75")
    assert bill_database(BOOK, replace(database, multi_az=True), 0, MONTH_HOURS).total == 2 * single.total
    dsql = DsqlUsage("dsql", Curve.constant(Fraction(1_100_000, MONTH_HOURS)), Curve.constant(11))
    assert bill_dsql(BOOK, dsql, 0, MONTH_HOURS).dollars == Decimal("11.30")
    assert bill_dsql(BOOK, DsqlUsage("idle", Curve.constant(1), Curve.constant(1)), 0, 730).total == 0


def test_the_dpus_of_a_transaction() -> None:
    """FACTS 10.34: the least of a read and of a write, and that a second Region writes again."""
    assert dpus(Transaction()) == 0
    assert dpus(Transaction(read_bytes=Fraction(1))) == 2048 * Fraction("0.00000183105")
    write = Transaction(Fraction(1, 100), written_bytes=Fraction(2000))
    assert dpus(write, multi_region=True) - dpus(write) == 2000 * Fraction("0.00004883")


def test_extended_support_follows_the_calendar() -> None:
    """FACTS 8.45."""
    assert support_on(13, date(2026, 2, 28)) is Support.NONE
    assert support_on(13, date(2026, 3, 1)) is Support.YEARS_1_2
    assert support_on(13, date(2028, 3, 1)) is Support.YEAR_3
    assert support_on(17, date(2030, 1, 1)) is Support.NONE
    with pytest.raises(ValueError, match="begins with version 11"):
        support_on(10, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.005", "$0.01"), ("0.0049", "$0.00"), ("1234.565", "$1,234.57"), ("-0.005", "-$0.01")],
)
def test_money_is_rounded_half_up(amount: str, text: str) -> None:
    assert shown(Fraction(amount)) == text


# What holds of every bill.

AMOUNTS = st.integers(0, 10**8).map(lambda number: Fraction(number, 100))
HOURS = st.integers(0, 60_000).map(lambda number: Fraction(number, 60))
CURVES = st.lists(st.tuples(HOURS, AMOUNTS), max_size=4).map(Curve.steps)
SPANS = st.builds(
    lambda start, length, size: Span(start, None if length is None else start + length, size),
    HOURS,
    st.none() | HOURS,
    st.sampled_from(["db.t4g.medium", "db.r6g.large", "db.r6g.4xlarge"]),
)
ANY = st.builds(
    ClusterUsage,
    name=st.just("shop"),
    instances=st.lists(SPANS, max_size=3).map(lambda spans: (Instance("shop-1", tuple(spans)),)),
    serverless=st.lists(st.builds(Serverless, st.just("shop-9"), CURVES), max_size=2).map(tuple),
    io_optimized=st.lists(st.tuples(HOURS, st.sampled_from([0, 1])), max_size=3).map(Curve.steps),
    volume=CURVES,
    reads=CURVES,
    writes=CURVES,
    backups=CURVES,
    retention_days=st.sampled_from([1, 7]),
    snapshots=CURVES,
    support=st.lists(st.tuples(HOURS, st.sampled_from(Support)), max_size=2).map(tuple),
    insights=st.booleans(),
    proxy=st.booleans(),
    amounts=st.just(()),
)
GLOBAL = st.builds(
    lambda primary, secondary: replace(primary, secondaries=(replace(secondary, name="eu"),)), ANY, ANY
)


@settings(deadline=None)  # other tests may want the processor
@given(GLOBAL, st.lists(HOURS, min_size=3, max_size=3).map(sorted))
def test_a_bill_is_the_sum_of_the_bills_of_its_parts(usage: ClusterUsage, hours: list[Fraction]) -> None:
    start, middle, end = hours
    parts = bill(BOOK, usage, start, middle).plus(bill(BOOK, usage, middle, end))
    whole = bill(BOOK, usage, start, end)
    assert parts.total == whole.total
    assert quantities(parts) == quantities(whole)


def quantities(found: Bill) -> dict[tuple[str, ...], Fraction]:
    """How much of what."""
    return {(line.of, line.section, line.what, line.price.item): line.quantity for line in found.lines}


@settings(deadline=None)
@given(AMOUNTS, HOURS, HOURS)
def test_what_is_free_each_month_never_makes_parts_cheaper(
    amount: Fraction, first: Fraction, more: Fraction
) -> None:
    curve = Curve.steps([(0, amount), (first, 0)])
    usage = ClusterUsage("shop", amounts=(Amount("transfer.internet", "internet", curve),))
    end = first + more
    parts = bill(BOOK, usage, 0, first).total + bill(BOOK, usage, first, end).total
    assert bill(BOOK, usage, 0, end).total <= parts


@settings(deadline=None)
@given(
    ANY, CURVES, SPANS, st.sampled_from(["volume", "reads", "writes", "backups", "snapshots", "instances"])
)
def test_more_usage_never_costs_less(usage: ClusterUsage, more: Curve, span: Span, what: str) -> None:
    if what == "instances":
        larger = replace(usage, instances=(*usage.instances, Instance("more", (span,))))
    else:
        larger = replace(usage, **{what: getattr(usage, what).plus(more)})
    assert bill(BOOK, larger, 0, 1000).total >= bill(BOOK, usage, 0, 1000).total


@settings(deadline=None)
@given(ANY, HOURS, HOURS)
def test_a_longer_time_never_costs_less(usage: ClusterUsage, end: Fraction, more: Fraction) -> None:
    assert bill(BOOK, usage, 0, end + more).total >= bill(BOOK, usage, 0, end).total


@settings(deadline=None)
@given(ANY, HOURS)
def test_nothing_costs_nothing(usage: ClusterUsage, hour: Fraction) -> None:
    assert bill(BOOK, usage, hour, hour).total == 0
    nothing = bill(BOOK, ClusterUsage("shop"), 0, hour)
    assert (nothing.total, nothing.lines, nothing.not_measured) == (0, (), ())
    assert break_even(BOOK, ClusterUsage("shop"), 0, hour).driver == ""


@settings(deadline=None)
@given(GLOBAL, st.fractions(Fraction(1, 100), 10, max_denominator=100))
def test_the_break_even_is_where_the_two_bills_cross(usage: ClusterUsage, factor: Fraction) -> None:
    quiet = replace(usage, reads=Curve(), writes=Curve())
    point = break_even(BOOK, quiet, 0, 1000)
    busy = replace(quiet, reads=Curve.constant(factor * point.ios / 1000))
    there = break_even(BOOK, busy, 0, 1000)
    assert there.io_spend == point.io_spend
    assert there.saved == (factor - 1) * point.io_spend
    if factor == 1:
        assert there.standard.total == there.io_optimized.total


@settings(deadline=None)
@given(CURVES, CURVES, HOURS, HOURS)
def test_curves_add_up(one: Curve, two: Curve, start: Fraction, length: Fraction) -> None:
    end = start + length
    both = one.plus(two).integral(start, end)
    assert both == one.integral(start, end) + two.integral(start, end)
    above, below = one.over(two).integral(start, end), two.over(one).integral(start, end)
    assert above - below == one.integral(start, end) - two.integral(start, end)


def test_a_day_repeated_is_a_week() -> None:
    day = Curve.steps([(0, Fraction("0.5")), (8, 4), (18, Fraction("0.5"))])
    week = day.repeated(24, 168)
    assert week.integral(0, 168) == 7 * day.integral(0, 24) == 7 * (14 * Fraction("0.5") + 40)


@pytest.mark.parametrize("points", [[(0, -1)], [(0, float("inf"))], [(float("nan"), 1)]])
def test_a_curve_has_no_amounts_below_zero_or_beyond_numbers(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"below 0|finite|NaN"):
        Curve.steps(points)
