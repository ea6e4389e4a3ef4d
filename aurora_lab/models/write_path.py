"""What a database node sends to its storage: pages and log (mirrored MySQL) or log only (Aurora).

The 2017 paper measured 7.4 I/Os a transaction for mirrored MySQL and 0.95 for Aurora (FACTS 2.1, 2.2). This
model comes to those figures from assumptions, all of them fields of the classes below:

    the workload    SysBench write-only on 100 GB: each transaction changes seven random pages, three of the
                    tables and four of an index (an update of each kind, a delete and an insert)
    page writes     the log and the binary log are flushed for each group of commits; a page is written once for
                    all changes until the log is full, after it was written into the double-write buffer
    log only        each protection group of 10 GB has a buffer, which is sent to six segments; it goes out some
                    time after the first record in it (FACTS 1.6, 2.32, 2.33)

Two figures have no source and are **fitted**: how many commits share a flush, and how long a buffer stays open.
So that both columns come out right is no proof; what the model is good for is what follows when the load,
the cache, the log or the number of copies change. Each figure is had by a formula and by a seeded simulation.

As the paper does, it counts what leaves the database node: not EBS's own mirrors, nor the standby's writes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import exp

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

PAPER_SECONDS = 1800.0
"""Table 1's run: half an hour."""
PAPER_TRANSACTIONS = {"mirrored MySQL": 780_000, "Aurora": 27_378_000}
PAPER_IOS = {"mirrored MySQL": 7.4, "Aurora": 0.95}
"""Table 1 (FACTS 2.1)."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What a transaction changes. The defaults are SysBench's write-only transaction on 100 GB."""

    data_bytes: float = 100 * GIB
    page_bytes: int = 16 * KIB
    index_share: float = 0.1
    """Of the pages: entries of the index are about a tenth of the rows."""
    table_changes: int = 3
    """An update of an indexed column, one of another, and a row deleted and inserted again in the same page."""
    index_changes: int = 4
    """The old and the new place of two index entries."""
    log_bytes: int = 400
    """Of log for each changed page, undo included."""

    @property
    def changes(self) -> int:
        """Pages that a transaction changes: also the number of its log records."""
        return self.table_changes + self.index_changes

    @property
    def pages(self) -> tuple[float, float]:
        """How many pages the tables and the index have."""
        total = self.data_bytes / self.page_bytes
        return total * (1 - self.index_share), total * self.index_share


@dataclass(frozen=True, slots=True)
class Ios:
    """I/Os a transaction that leave the database node, by what they carry."""

    log: float
    binary_log: float = 0.0
    pages: float = 0.0
    double_write: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.log + self.binary_log + self.pages + self.double_write


@dataclass(frozen=True, slots=True)
class PageWrites:
    """A database that writes log and pages: mirrored MySQL."""

    workload: Workload = field(default_factory=Workload)
    log_capacity: float = 256 * MIB
    """Of redo log; when it fills, the oldest changed pages must have been written."""
    filled: float = 0.75
    """The share of the log that is used when pages are written."""
    pages_an_io: int = 16
    """Pages of the double-write buffer in one I/O: 256 KiB, the most that EBS counts as one."""
    commits_a_flush: float = 2.4
    """FITTED: commits that share a flush of the log, and one of the binary log."""

    @property
    def window(self) -> float:
        """Transactions from one writing of a page to the next."""
        return self.log_capacity * self.filled / (self.workload.changes * self.workload.log_bytes)

    def ios(self) -> Ios:
        """By formula: of P pages changed c times at random, (1 - exp(-c/P)) of them are changed at least once."""
        load = self.workload
        written = sum(
            pages * (1 - exp(-changes * self.window / pages)) / self.window
            for pages, changes in zip(load.pages, (load.table_changes, load.index_changes), strict=True)
        )
        return self._with_pages(written)

    def simulate(self, seed: int, scale: int = 50) -> Ios:
        """By drawing the pages of one window, on a database `scale` times smaller."""
        rng, load = random.Random(seed), self.workload
        transactions = max(1, round(self.window / scale))
        changed: set[tuple[int, int]] = set()
        for _ in range(transactions):
            for kind, changes in enumerate((load.table_changes, load.index_changes)):
                pages = round(load.pages[kind] / scale)
                changed.update((kind, rng.randrange(pages)) for _ in range(changes))
        return self._with_pages(len(changed) / transactions)

    def _with_pages(self, pages: float) -> Ios:
        flushes = 1 / self.commits_a_flush
        return Ios(log=flushes, binary_log=flushes, pages=pages, double_write=pages / self.pages_an_io)


@dataclass(frozen=True, slots=True)
class LogOnly:
    """A database that writes log records, to several copies: Aurora."""

    workload: Workload = field(default_factory=Workload)
    copies: int = 6
    group_bytes: float = 10 * GIB
    """Of data in a protection group (FACTS 1.6)."""
    open_seconds: float = 0.00406
    """FITTED: how long a buffer takes records, from the first one in it until it is sent."""

    @property
    def groups(self) -> int:
        """Protection groups; each has a buffer of its own."""
        return max(1, round(self.workload.data_bytes / self.group_bytes))

    def ios(self, rate: float) -> Ios:
        """By formula, at `rate` transactions a second: a buffer is sent once for each (wait + open) time."""
        waiting = self.groups / (rate * self.workload.changes)
        return Ios(log=self.copies * self.groups / (waiting + self.open_seconds) / rate)

    def simulate(self, rate: float, seed: int, seconds: float = 1.0) -> Ios:
        """By letting transactions come at random times, their records spread over the groups."""
        rng = random.Random(seed)
        sent_at = [0.0] * self.groups
        now, transactions, buffers = 0.0, 0, 0
        while now < seconds:
            now += rng.expovariate(rate)
            transactions += 1
            for _ in range(self.workload.changes):
                group = rng.randrange(self.groups)
                if now >= sent_at[group]:
                    sent_at[group] = now + self.open_seconds
                    buffers += 1
        return Ios(log=self.copies * buffers / transactions)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Table 1's ratios (FACTS 2.2)."""

    page_ios: float
    """I/Os a transaction of the database that writes pages."""
    log_ios: float
    copies: int = 6

    @property
    def at_the_database(self) -> float:
        """How many times fewer I/Os a transaction the log-only node sends: 7.8 by the paper's figures."""
        return self.page_ios / self.log_ios

    @property
    def at_a_storage_node(self) -> float:
        """The same at one storage node, which gets one copy of six: 46 in the paper."""
        return self.at_the_database * self.copies


def table_1() -> Comparison:
    """The two columns as this model has them, each at the rate that the paper measured."""
    rate = PAPER_TRANSACTIONS["Aurora"] / PAPER_SECONDS
    return Comparison(PageWrites().ios().total, LogOnly().ios(rate).total)
