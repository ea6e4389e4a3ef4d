"""From usage to a bill: what is counted, at which price. Pure.

    instance          its hours, by class; at least 10 minutes              (FACTS 8.34)
    serverless        the area below its capacity                           (FACTS 5.21)
    volume            the area below its size, one copy                     (FACTS 8.1)
    I/O               reads and writes; only while storage is Standard      (FACTS 8.4)
    automated backup  what is above the volume's size; nothing with 1 day   (FACTS 8.36)
    snapshots         each at its full size                                 (FACTS 8.36)
    global database   each write once more for each secondary, always       (FACTS 8.8)
    Extended Support  each vCPU-hour and ACU-hour, readers too              (FACTS 8.12)

A change of the storage type or of the support's price cuts the time into pieces; each has its own prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from aurora_lab.models.bill import (
    BACKUP,
    COMPUTE,
    EXTRA,
    GLOBAL,
    IO,
    MILLION,
    MONTH_HOURS,
    STORAGE,
    SUPPORT,
    Bill,
    Line,
    merged,
)
from aurora_lab.models.curves import Curve, Number, exact
from aurora_lab.models.price_book import Price, PriceBook, PriceBookError
from aurora_lab.models.usage import (
    Amount,
    ClusterUsage,
    DatabaseUsage,
    DsqlUsage,
    Instance,
    Support,
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A time in which prices do not change."""

    start: Fraction
    end: Fraction
    io_optimized: bool
    support: Support

    @property
    def label(self) -> str:
        return ", I/O-Optimized" if self.io_optimized else ""


def bill(book: PriceBook, usage: ClusterUsage, start: Number, end: Number) -> Bill:
    """What the cluster costs from hour `start` to hour `end`. Raises PriceBookError where a price is missing."""
    first, last = exact(start), exact(end)
    lines: list[Line] = []
    pieces = list(_pieces(usage, first, last))
    for piece in pieces:
        lines += _compute(book, usage, piece)
        lines += _volume(book, usage, piece)
    lines += _backups(book, usage, first, last)
    lines += _replicated(book, usage, first, last)
    lines += [_amount(book, usage.name, amount, first, last) for amount in usage.amounts]
    whole = Bill(usage.name, book.region, first, last, merged(lines), tuple(_unknown(usage, pieces)))
    for secondary in usage.secondaries:
        whole = whole.plus(bill(book, secondary, first, last))
    return _with_notes(whole)


def bill_dsql(book: PriceBook, usage: DsqlUsage, start: Number, end: Number) -> Bill:
    """What a DSQL cluster costs. Raises PriceBookError."""
    first, last = exact(start), exact(end)
    amounts = (
        Amount("dsql.dpu", "DPU", usage.dpus),
        Amount("dsql.storage", "storage", usage.storage),
    )
    sections = (COMPUTE, STORAGE)
    lines = [
        _amount(book, usage.name, amount, first, last, section=section)
        for amount, section in zip(amounts, sections, strict=True)
    ]
    return _with_notes(Bill(usage.name, book.region, first, last, merged(lines)), lines)


def bill_database(book: PriceBook, usage: DatabaseUsage, start: Number, end: Number) -> Bill:
    """What an RDS for PostgreSQL instance costs. It has no charge for each I/O (FACTS 8.23). Raises PriceBookError."""
    first, last = exact(start), exact(end)
    family = "rds-multi-az" if usage.multi_az else "rds"
    kind = " Multi-AZ" if usage.multi_az else ""
    lines = []
    for span in usage.spans:
        price = book.database(span.size, usage.multi_az)
        hours = span.billed(first, last)
        lines.append(Line(usage.name, COMPUTE, f"{span.size}{kind}", hours, price, (usage.name,)))
    amounts = (
        Amount(f"{family}.{usage.storage_type}", f"{usage.storage_type} storage{kind}", usage.storage),
        Amount(f"{family}.{usage.storage_type}-iops", f"{usage.storage_type} IOPS{kind}", usage.iops),
        Amount("rds.backup", "backup over the free amount", usage.backups),
    )
    sections = (STORAGE, IO, BACKUP)
    lines += [
        _amount(book, usage.name, amount, first, last, section=section)
        for amount, section in zip(amounts, sections, strict=True)
        if amount.curve.points
    ]
    return _with_notes(Bill(usage.name, book.region, first, last, merged(lines)))


def quantity(curve: Curve, price: Price, start: Fraction, end: Fraction) -> Fraction:
    """How much of the price's unit is to be paid from `start` to `end`: what is free is taken off."""
    free = exact(price.free)
    if price.unit.endswith("-month"):
        return curve.over(Curve.constant(free, start)).integral(start, end) / MONTH_HOURS
    total = curve.integral(start, end)
    if price.unit.startswith("million"):
        total /= MILLION
    return max(Fraction(0), total - free * (end - start) / MONTH_HOURS)


def _pieces(usage: ClusterUsage, start: Fraction, end: Fraction) -> Iterator[_Piece]:
    changes = [hour for hour, _ in (*usage.io_optimized.points, *usage.support)]
    cuts = sorted({start, end, *(hour for hour in changes if start < hour < end)})
    for first, last in pairwise(cuts):
        support = [tier for hour, tier in sorted(usage.support) if hour <= first]
        tier = support[-1] if support else Support.NONE
        yield _Piece(first, last, bool(usage.io_optimized.at(first)), tier)


def _compute(book: PriceBook, usage: ClusterUsage, piece: _Piece) -> Iterator[Line]:
    by_vcpu: list[Price] = []
    by_acu: list[Price] = []
    if piece.support is not Support.NONE:
        by_vcpu.append(book.get(f"support.{piece.support}.vcpu"))
        by_acu.append(book.get(f"support.{piece.support}.acu"))
    if usage.insights:
        by_vcpu.append(book.get("insights.vcpu"))
        by_acu.append(book.get("insights.acu"))
    if usage.proxy:
        by_vcpu.append(book.get("proxy"))
    for instance, size, hours in _hours(usage.instances, piece):
        price = book.instance(size, piece.io_optimized)
        yield Line(usage.name, COMPUTE, f"{size}{piece.label}", hours, price, (instance,))
        for extra in by_vcpu:
            yield _beside(usage.name, extra, hours * _vcpu(price), instance)
    for serverless in usage.serverless:
        if serverless.capacity is None:
            continue
        price = book.get("acu.io-optimized" if piece.io_optimized else "acu.standard")
        acus = serverless.capacity.integral(piece.start, piece.end)
        yield Line(usage.name, COMPUTE, f"serverless{piece.label}", acus, price, (serverless.name,))
        for extra in by_acu:
            yield _beside(usage.name, extra, acus, serverless.name)


def _hours(instances: Iterable[Instance], piece: _Piece) -> Iterator[tuple[str, str, Fraction]]:
    for instance in instances:
        for span in instance.spans:
            if hours := span.billed(piece.start, piece.end):
                yield instance.name, span.size, hours


def _vcpu(price: Price) -> int:
    if not price.vcpu:
        raise PriceBookError(
            f"The price book does not say the vCPU of {price.item}: add vcpu = … to its row."
        )
    return price.vcpu


def _beside(of: str, price: Price, amount: Fraction, instance: str) -> Line:
    names = {"support": "Extended Support", "insights": "Database Insights Advanced", "proxy": "RDS Proxy"}
    family, _, tier = price.item.partition(".")
    tier = tier.partition(".")[0].replace("-", " ", 1).replace("-", "–") if family == "support" else ""
    what = f"{names[family]} {tier}".strip()
    section = SUPPORT if family == "support" else EXTRA
    return Line(of, section, what, amount, price, (instance,))


def _volume(book: PriceBook, usage: ClusterUsage, piece: _Piece) -> Iterator[Line]:
    kind = "io-optimized" if piece.io_optimized else "standard"
    if usage.volume is not None and usage.volume.points:
        price = book.get(f"storage.{kind}")
        amount = quantity(usage.volume, price, piece.start, piece.end)
        yield Line(usage.name, STORAGE, f"volume{piece.label}", amount, price)
    if piece.io_optimized:
        return
    for what, rate in (("page reads", usage.reads), ("log writes", usage.writes)):
        if rate is not None and rate.points:
            price = book.get("io.standard")
            yield Line(usage.name, IO, what, quantity(rate, price, piece.start, piece.end), price)


def _backups(book: PriceBook, usage: ClusterUsage, start: Fraction, end: Fraction) -> Iterator[Line]:
    curves = []
    if usage.retention_days > 1 and usage.backups is not None and usage.volume is not None:
        curves.append(("automated backups above the volume's size", usage.backups.over(usage.volume)))
    if usage.snapshots is not None:
        curves.append(("snapshots, each in full", usage.snapshots))
    for what, curve in curves:
        if not curve.points:
            continue
        price = book.get("backup")
        yield Line(usage.name, BACKUP, what, quantity(curve, price, start, end), price)


def _replicated(book: PriceBook, usage: ClusterUsage, start: Fraction, end: Fraction) -> Iterator[Line]:
    if usage.secondaries and usage.writes is not None:
        price = book.get("global.replicated-write-io")
        amount = quantity(usage.writes, price, start, end) * len(usage.secondaries)
        yield Line(usage.name, GLOBAL, "replicated log writes", amount, price)


def _amount(
    book: PriceBook, of: str, amount: Amount, start: Fraction, end: Fraction, *, section: str = EXTRA
) -> Line:
    price = book.get(amount.item)
    return Line(of, section, amount.what, quantity(amount.curve, price, start, end), price)


def _unknown(usage: ClusterUsage, pieces: list[_Piece]) -> Iterator[str]:
    """What nobody measured, and matters for the bill."""
    pays_io = not all(piece.io_optimized for piece in pieces)
    for serverless in usage.serverless:
        if serverless.capacity is None:
            yield f"capacity of {serverless.name} (ACU)"
    if usage.volume is None:
        yield f"size of the volume of {usage.name} (GB)"
    if usage.reads is None and pays_io:
        yield f"page reads of {usage.name} (I/Os)"
    if usage.writes is None and (pays_io or usage.secondaries):
        yield f"log writes of {usage.name} (I/Os)"
    if usage.retention_days > 1 and (usage.backups is None or usage.volume is None):
        yield f"size of the automated backups of {usage.name} (GB)"
    if usage.snapshots is None:
        yield f"size of the snapshots of {usage.name} (GB)"
    yield from usage.not_measured


def _with_notes(found: Bill, lines: Iterable[Line] = ()) -> Bill:
    """What the prices say of themselves; also those of `lines` that came to nothing."""
    notes = []
    for price in (line.price for line in (*found.lines, *lines)):
        if price.note:
            notes.append(f"[{price.fact}] {price.note}")
        if price.free:
            notes.append(
                f"[{price.fact}] each month {price.free.normalize():f} {price.unit} are free: taken off"
            )
    return replace(found, notes=tuple(dict.fromkeys((*found.notes, *notes))))
