"""A plan of what somebody wants to run, as TOML, to be priced before it is built.

`FORM` is a whole plan; `aurora-lab bill --help` shows it. `[cluster]`, `[rds]` and `[dsql]` are each optional: what
stands in one file is compared. Amounts that are counted (I/Os, requests, transfers) are those of the whole time.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from aurora_lab.models.bill import MONTH_HOURS
from aurora_lab.models.curves import Curve
from aurora_lab.models.extended_support import support_on
from aurora_lab.models.plan_table import PlanError, Table, number
from aurora_lab.models.usage import (
    NOTHING,
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
)

FORM: Final = """\
name = "shop"
hours = 730                      # how long; 730 is a month
date = 2026-12-01                # of the first hour: decides the price of Extended Support

[cluster]                        # Aurora PostgreSQL
storage_type = "aurora"          # or "aurora-iopt1": I/O-Optimized
storage_gb = 150
page_reads = 900_000_000         # 8 KB each, in the whole time
log_writes = 300_000_000         # 4 KB each
engine_version = "17.5"          # an old one costs Extended Support
backup_retention_days = 7
backup_gb = 200                  # of automated backups; free up to storage_gb
insights_advanced = false        # Database Insights Advanced
proxy = false                    # RDS Proxy
cross_az_gb = 50                 # between application and database, both ways together
other_region_gb = 0
internet_gb = 0
data_api_requests = 0
snapshot_export_gb = 0
instances = [ { class = "db.r6g.large", count = 2 } ]      # hours = … if not the whole time
serverless = [ { count = 1, acu = 2.5 },                   # an average, or the curve of a day: [hour, ACU]
               { capacity = [[0, 0.5], [8, 4], [18, 0.5]], repeat_hours = 24 } ]
snapshots = [ { gb = 150, count = 10 } ]                   # kept beyond the retention period
secondaries = [ { name = "eu", storage_gb = 150, instances = [ { class = "db.r6g.large" } ] } ]

[rds]                            # RDS for PostgreSQL, to compare
class = "db.r6g.large"
multi_az = true
storage_gb = 150
storage_type = "gp3"             # or "io1"
iops = 0                         # gp3: beyond what is included
backup_over_free_gb = 0

[dsql]                           # Aurora DSQL, to compare
storage_gb = 150
multi_region = false
dpu = 0                          # in the whole time; or what its transactions are:
transactions = [ { count = 1_000_000, seconds = 0.01, read_bytes = 4096, written_bytes = 1024 } ]
"""
"""A whole plan, as it is documented."""

MOST_ACU = 256
"""FACTS 5.2."""
MOST_HOURS = 100_000
MOST_COUNT = 1000
MOST_POINTS = 20_000
_VERSION = re.compile(r"(\d{1,2})(\.\d{1,2})?")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be priced, from hour 0 to `hours`."""

    name: str
    hours: Fraction
    cluster: ClusterUsage | None
    database: DatabaseUsage | None
    dsql: DsqlUsage | None


@dataclass(frozen=True, slots=True)
class _When:
    hours: Fraction
    day: date | None


def read_plan(text: str, source: str = "The plan") -> Plan:
    """The plan in a TOML text. Raises PlanError, which calls the text `source` where it is no TOML."""
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{source} is no TOML: {error}.") from error
    root = Table(values, "", "")
    name = root.text("name", "plan")
    hours = root.number("hours", MONTH_HOURS, MOST_HOURS)
    if not hours:
        raise PlanError("hours must be above 0: nothing is billed for no time.")
    when = _When(hours, root.day("date"))
    cluster = root.table("cluster", "[cluster]")
    database = root.table("rds", "[rds]")
    dsql = root.table("dsql", "[dsql]")
    root.done()
    if not (cluster or database or dsql):
        raise PlanError(f"{source} has nothing to price: it needs [cluster], [rds] or [dsql].")
    return Plan(
        name,
        hours,
        _cluster(cluster, when, name) if cluster else None,
        _database(database, when) if database else None,
        _dsql(dsql, when) if dsql else None,
    )


def _cluster(table: Table, when: _When, name: str, primary: bool = True) -> ClusterUsage:
    storage = table.text("storage_type", "aurora", ("aurora", "aurora-iopt1"))
    retention = table.count("backup_retention_days", 1, 1, 35)
    rows = table.tables("secondaries", "{ name = …, storage_gb = …, instances = [ … ] }") if primary else []
    instances = table.tables("instances", '{ class = "db.r6g.large", count = 2 }')
    serverless = table.tables("serverless", "{ count = 1, acu = 2.5 }")
    snapshots = table.tables("snapshots", "{ gb = 150, count = 10 }")
    writes = _rate(table, "log_writes", when) if primary else NOTHING
    usage = ClusterUsage(
        name=name,
        instances=tuple(
            item for number, row in enumerate(instances) for item in _instances(row, when, number)
        ),
        serverless=tuple(
            item for number, row in enumerate(serverless) for item in _serverless(row, when, number)
        ),
        io_optimized=Curve.constant(1) if storage == "aurora-iopt1" else NOTHING,
        volume=_level(table, "storage_gb"),
        reads=_rate(table, "page_reads", when),
        writes=writes,
        backups=_level(table, "backup_gb"),
        retention_days=retention,
        snapshots=_snapshots(snapshots),
        support=_support(table, when),
        insights=table.flag("insights_advanced"),
        proxy=table.flag("proxy"),
        secondaries=tuple(_secondary(row, when, place) for place, row in enumerate(rows, 1)),
        amounts=_amounts(table, when),
    )
    table.done()
    return usage


def _secondary(table: Table, when: _When, place: int) -> ClusterUsage:
    return _cluster(table, when, table.text("name", f"secondary {place}"), primary=False)


def _instances(table: Table, when: _When, row: int) -> list[Instance]:
    size = table.text("class")
    if not size:
        raise PlanError(f'{table.where} has no class: write it as class = "db.r6g.large".')
    if size == "db.serverless":
        raise PlanError(
            f"{table.where} is db.serverless: name it under serverless, with its acu or capacity."
        )
    count = table.count("count", 1, 1, MOST_COUNT)
    hours = table.number("hours", when.hours, MOST_HOURS)
    if not 0 < hours <= when.hours:
        raise PlanError(f"{table.where}.hours must be above 0 and at most the plan's {float(when.hours):g}.")
    table.done()
    span = Span(Fraction(0), hours, size)
    return [Instance(f"{size} {row + 1}.{each + 1}", (span,)) for each in range(count)]


def _serverless(table: Table, when: _When, row: int) -> list[Serverless]:
    count = table.count("count", 1, 1, MOST_COUNT)
    if table.has("acu") == table.has("capacity"):
        raise PlanError(f"{table.where} needs either acu or capacity: one figure, or a list of [hour, ACU].")
    if table.has("acu"):
        curve = Curve.constant(table.number("acu", 0, MOST_ACU))
    else:
        curve = _capacity(table.value("capacity"), table.name("capacity"))
    every = table.number("repeat_hours", 0, MOST_HOURS)
    if every:
        if when.hours / every * max(1, len(curve.points)) > MOST_POINTS:
            raise PlanError(f"{table.where}.repeat_hours is too short for so many hours: make it longer.")
        curve = curve.repeated(every, when.hours)
    table.done()
    return [Serverless(f"serverless {row + 1}.{each + 1}", curve) for each in range(count)]


def _capacity(value: Any, name: str) -> Curve:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(p, list) and len(p) == 2 for p in value)
    ):
        raise PlanError(f"{name} must be a list of [hour, ACU], as [[0, 0.5], [8, 4]].")
    points = [
        (
            number(hour, f"the hour {place} of {name}", MOST_HOURS),
            number(acu, f"ACU {place} of {name}", MOST_ACU),
        )
        for place, (hour, acu) in enumerate(value, 1)
    ]
    if points[0][0] != 0:
        raise PlanError(f"{name} must begin at hour 0: put [0, ACU] before its other points.")
    try:
        return Curve(tuple(points))
    except ValueError as error:
        raise PlanError(
            f"{name} has an hour that is not after the one before it: sort its points."
        ) from error


def _snapshots(tables: list[Table]) -> Curve:
    total = Fraction(0)
    for table in tables:
        total += table.number("gb") * table.count("count", 1, 1, 100_000)
        table.done()
    return Curve.constant(total) if total else NOTHING


def _support(table: Table, when: _When) -> tuple[tuple[Fraction, Support], ...]:
    """By the calendar, day by day as far as the plan goes: a price may begin in its middle."""
    version = table.text("engine_version", "17")
    found = _VERSION.fullmatch(version)
    if found is None:
        raise PlanError(
            f"{table.name('engine_version')} must be a version as 17 or 13.20, and is {version!r}."
        )
    if when.day is None:
        if int(found[1]) < 15:
            raise PlanError(
                f"{table.name('engine_version')} may be in Extended Support: write date = 2026-12-01, the day when "
                "the plan begins, at the top of the file."
            )
        return ()
    days = range(int(when.hours // 24) + 1)
    first = when.day.toordinal()
    try:
        tiers = [support_on(int(found[1]), date.fromordinal(first + day)) for day in days]
    except ValueError as error:
        raise PlanError(f"{table.name('engine_version')} cannot be priced: {error}.") from error
    changes = [(day, tier) for day, tier in enumerate(tiers) if day == 0 or tier != tiers[day - 1]]
    return tuple((Fraction(24 * day), tier) for day, tier in changes)


def _amounts(table: Table, when: _When) -> tuple[Amount, ...]:
    keys = {
        "cross_az_gb": ("transfer.cross-az", "transfer between AZs"),
        "other_region_gb": ("transfer.other-region", "transfer to another Region"),
        "internet_gb": ("transfer.internet", "transfer to the internet"),
        "data_api_requests": ("data-api", "Data API"),
        "snapshot_export_gb": ("snapshot-export", "snapshot export"),
    }
    found = [Amount(item, what, _rate(table, key, when)) for key, (item, what) in keys.items()]
    return tuple(amount for amount in found if amount.curve.points)


def _database(table: Table, when: _When) -> DatabaseUsage:
    size = table.text("class")
    if not size:
        raise PlanError('rds has no class: write it as class = "db.r6g.large".')
    kind = table.text("storage_type", "gp3", ("gp3", "io1"))
    multi_az = table.flag("multi_az")
    if kind == "io1" and multi_az:
        raise PlanError("rds: the price book knows io1 for Single-AZ only: choose gp3, or multi_az = false.")
    usage = DatabaseUsage(
        name=table.text("name", "rds"),
        spans=(Span(Fraction(0), when.hours, size),),
        multi_az=multi_az,
        storage_type=kind,
        storage=_level(table, "storage_gb"),
        iops=_level(table, "iops"),
        backups=_level(table, "backup_over_free_gb"),
    )
    table.done()
    return usage


def _dsql(table: Table, when: _When) -> DsqlUsage:
    multi_region = table.flag("multi_region")
    total = table.number("dpu")
    for row in table.tables("transactions", "{ count = …, seconds = …, read_bytes = …, written_bytes = … }"):
        transaction = Transaction(
            row.number("seconds"),
            row.number("read_bytes") if row.has("read_bytes") else None,
            row.number("written_bytes") if row.has("written_bytes") else None,
        )
        total += row.number("count", 1) * dpus(transaction, multi_region)
        row.done()
    usage = DsqlUsage(
        table.text("name", "dsql"), Curve.constant(total / when.hours), _level(table, "storage_gb")
    )
    table.done()
    return usage


def _level(table: Table, key: str) -> Curve:
    amount = table.number(key)
    return Curve.constant(amount) if amount else NOTHING


def _rate(table: Table, key: str, when: _When) -> Curve:
    """What comes in the whole time, spread over it."""
    return _level(table, key).times(1 / when.hours)
