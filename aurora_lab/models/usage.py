"""What a cluster was and did, as far as it is billed: the input of `bill`.

Time is in hours from any 0. Sizes are curves in GB, rates are curves an hour. `None` is what nobody measured: it is
listed on the bill, and never counted as 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil

from aurora_lab.models.curves import Curve

PAGE_BYTES = 8192
"""One read I/O (FACTS 8.30): PostgreSQL's page."""
LOG_UNIT_BYTES = 4096
"""One write I/O (FACTS 8.31)."""
MINIMUM_HOURS = Fraction(10, 60)
"""How long an instance is billed at least after it was created, started, or given another class (FACTS 8.34)."""
NOTHING = Curve()


class Support(StrEnum):
    """Which price of Extended Support applies (FACTS 8.12)."""

    NONE = "none"
    YEARS_1_2 = "years-1-2"
    YEAR_3 = "year-3"


@dataclass(frozen=True, slots=True)
class Span:
    """An instance that was there with one class, from hour `start` to hour `end` (None: it is still there).

    Each span begins with a create, a start or a change of class, so the minimum applies to each (FACTS 8.34).
    Raises ValueError for an end before the start.
    """

    start: Fraction
    end: Fraction | None
    size: str
    """The instance class."""

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            raise ValueError("an instance cannot end before it starts")

    def billed(self, start: Fraction, end: Fraction) -> Fraction:
        """The hours that are billed of it from `start` to `end`.

        What is missing to the minimum is billed when it ends.
        """
        last = end if self.end is None else min(self.end, end)
        hours = max(Fraction(0), last - max(self.start, start))
        if self.end is not None and start < self.end <= end:
            hours += max(Fraction(0), MINIMUM_HOURS - (self.end - self.start))
        return hours


@dataclass(frozen=True, slots=True)
class Instance:
    """A provisioned instance."""

    name: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Serverless:
    """A `db.serverless` instance: its capacity in ACU, 0 while it is paused (FACTS 5.16, 5.21)."""

    name: str
    capacity: Curve | None


@dataclass(frozen=True, slots=True)
class Amount:
    """Something else that is priced: the item, what to call it, and how much of its unit.

    `GB-month`, `IOPS-month` and `…-hour` take a level, all other units what comes in an hour.
    """

    item: str
    what: str
    curve: Curve


@dataclass(frozen=True, slots=True)
class ClusterUsage:
    """An Aurora cluster."""

    name: str
    instances: tuple[Instance, ...] = ()
    serverless: tuple[Serverless, ...] = ()
    io_optimized: Curve = NOTHING
    """1 while the storage type is `aurora-iopt1`, 0 while it is `aurora` (FACTS 8.40)."""
    volume: Curve | None = NOTHING
    """GB used; one copy is billed (FACTS 8.1)."""
    reads: Curve | None = NOTHING
    """Read I/Os an hour of writer and readers together (FACTS 8.30, 8.33)."""
    writes: Curve | None = NOTHING
    """Write I/Os an hour (FACTS 8.31)."""
    backups: Curve | None = NOTHING
    """GB of automated backups, which are free up to the volume's size, and all free with one day (FACTS 8.36)."""
    retention_days: int = 1
    snapshots: Curve | None = NOTHING
    """GB of snapshots outside of the retention period, each at its full size (FACTS 8.36)."""
    support: tuple[tuple[Fraction, Support], ...] = ()
    """From which hour which Extended Support applies; before the first, none."""
    insights: bool = False
    """Database Insights Advanced (FACTS 8.11)."""
    proxy: bool = False
    """RDS Proxy in front of its provisioned instances (FACTS 8.10)."""
    secondaries: tuple[ClusterUsage, ...] = ()
    """The clusters of a global database in other Regions; what is written is replicated to each (FACTS 8.8)."""
    amounts: tuple[Amount, ...] = ()
    not_measured: tuple[str, ...] = ()
    """What else nobody measured."""


@dataclass(frozen=True, slots=True)
class DsqlUsage:
    """An Aurora DSQL cluster (FACTS 8.21, 10.34)."""

    name: str
    dpus: Curve
    """DPU an hour."""
    storage: Curve
    """GB."""


@dataclass(frozen=True, slots=True)
class DatabaseUsage:
    """An RDS for PostgreSQL instance, for comparison (FACTS 8.22, 8.23)."""

    name: str
    spans: tuple[Span, ...]
    multi_az: bool = False
    storage_type: str = "gp3"
    """`gp3` or `io1` (also for io2)."""
    storage: Curve = NOTHING
    """GB provisioned."""
    iops: Curve = NOTHING
    """gp3: those beyond what is included; io1: all."""
    backups: Curve = NOTHING
    """GB over the free amount."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one DSQL transaction does (FACTS 10.34)."""

    seconds: Fraction = Fraction(0)
    """Of processing."""
    read_bytes: Fraction | None = None
    """None: it reads nothing. At least 128 bytes of a partition read are to be counted."""
    written_bytes: Fraction | None = None
    """None: it writes nothing. At least 128 bytes of a row are to be counted, of indexes too."""


READ_DPU = Fraction("0.00000183105")
"""Of a byte read (FACTS 10.34)."""
WRITE_DPU = Fraction("0.00004883")
"""Of a byte written (FACTS 10.34)."""
LEAST_READ, LEAST_WRITTEN = 2048, 1024
"""Bytes that a transaction which reads, or writes, is charged for at least (FACTS 10.34)."""


def dpus(transaction: Transaction, multi_region: bool = False) -> Fraction:
    """The DPUs of a transaction (FACTS 10.34). In multi-Region clusters writes count twice."""
    total = transaction.seconds
    if transaction.read_bytes is not None:
        total += max(transaction.read_bytes, Fraction(LEAST_READ)) * READ_DPU
    if transaction.written_bytes is not None:
        written = max(transaction.written_bytes, Fraction(LEAST_WRITTEN)) * WRITE_DPU
        total += written * (2 if multi_region else 1)
    return total


def read_ios(missed_pages: int) -> int:
    """Billed reads: each page that was in no cache (FACTS 8.30)."""
    return missed_pages


def write_ios(flushes: Iterable[Iterable[int]]) -> int:
    """Billed writes of log that is made durable; of each flush the sizes of its records, in bytes (FACTS 8.31).

    Records that go together share units: 50 and 3,000 bytes are one, 5,000 bytes are two.
    """
    return sum(ceil(sum(records) / LOG_UNIT_BYTES) for records in flushes)
