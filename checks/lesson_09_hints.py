"""Lesson 09: hints, from a nudge to nearly the answer."""

from __future__ import annotations

SHORT = [
    "Two calls, and one look at the bill. The instance must be gone before you look.",
    '`hours("db.r6g.xlarge")` is in hours; an hour has 60 minutes.',
    'Nearly all of it:\nadd("parcels-3", "db.r6g.xlarge")\nremove(...)\nminutes = 60 * hours(...)',
]

WRITES = [
    "`billed` runs each statement by itself: without `begin`, each is a transaction.",
    'For one transaction: `billed("begin", *scans("batch"), "commit")`. A month has 730 × 3600 seconds.',
    "Nearly all of it:\n"
    'reads, single = billed(*scans("single"))\n'
    'reads, batch = billed("begin", ..., "commit")\n'
    'month = {"single": single * MONTH * 3600 * IO, "batch": ...}',
]

READS = [
    "The query looks for one address, and PostgreSQL has to look at each row. What would spare it that?",
    "An index on the column of the `where`. `billed(...)` runs any statement. For the dollars: page reads that are "
    "saved, times 10 a second, times the seconds of a month, times `IO`.",
    "Nearly all of it:\n"
    "before, _ = billed(ASK)\n"
    'billed("create index parcel_address on parcel (...)")\n'
    "billed(ASK)\n"
    "after, _ = billed(ASK)\n"
    "saved = (before - after) * 10 * MONTH * ... * IO",
]

INDEX = [
    "Measure first. Only then drop.",
    "`select indexrelname, idx_scan from pg_stat_user_indexes`: which one has 0 scans? (The primary key is needed in "
    "any case.)",
    "Nearly all of it:\n"
    "with_it = billed(*arrivals())\n"
    'billed("drop index parcel_...")\n'
    "without = billed(*...)",
]

SHRINK = [
    "A file with holes is as large as without. What is needed is a new file, with only what is kept.",
    "Make a table of the rows `where not delivered`, then drop the old one, then give the new one its name.",
    "Nearly all of it:\n"
    'billed("delete from parcel where delivered", "vacuum parcel")\n'
    "billed(\n"
    '    "create table kept as select * from parcel where ...",\n'
    '    "drop table ...",\n'
    '    "alter table kept rename to parcel",\n'
    ")",
]

SUM = [
    "Each quantity times its price. Which prices are for one, and which for a million?",
    "`used` has five quantities. Two are instance hours, each with its own price; two are I/Os, both at `IO`.",
    "Nearly all of it:\n"
    "mine = {\n"
    '    "compute": used["db.r6g.large"] * LARGE + used["db.r6g.xlarge"] * ...,\n'
    '    "storage": used["volume"] * ...,\n'
    '    "I/O": (used["page reads"] + used[...]) * IO,\n'
    "}",
]

CROSSING = [
    "At the crossing, what I/O-Optimized costs more is what Standard takes for I/O. So: what does it cost more?",
    "Dollars more in a month: the difference of the instances' prices times `MONTH`, plus GB times the difference of "
    "the storage prices. Divide by `IO`.",
    "Nearly all of it:\n"
    "dearer = (hourly_optimized - hourly) * MONTH + gb * (STORAGE_OPTIMIZED - ...)\n"
    "return dearer / IO\n"
    "and:\n"
    "spent = crossing(hourly, hourly_optimized, gb) * IO\n"
    "return spent / (hourly * MONTH + gb * STORAGE + ...)",
]

TOOL = [
    "Compute the first design by hand: 0.26 × 730. By how much is the tool off?",
    "Both mistakes are about the same thing: the function asks for `optimized` only once.",
    "Nearly all of it:\n"
    "compute = hourly * (1.30 if optimized else ...) * count * MONTH\n"
    "storage = gb * (STORAGE_OPTIMIZED if optimized else STORAGE)\n"
    "return compute + storage + (0 if ... else ios * IO)",
]

FOUR = [
    "Each is one multiplication. Watch the units: GB, vCPU-hours, ACU-hours, GB in each direction.",
    "A: every snapshot counts with its full 500 GB. B: the vCPUs of both instances. C: two readers, each 6 ACUs now, "
    "0.5 then. D: there and back.",
    'Nearly all of it:\nsave = {\n    "A": 1095 * 500 * ...,\n    "B": 2 * 8 * ... * MONTH,\n'
    '    "C": 2 * (6 - ...) * 0.12 * MONTH,\n    "D": (5000 + ...) * 0.01,\n}',
]

PLAN = [
    "There are four combinations. Price them all, and look at the totals.",
    "`total(text)` prices a plan. With one part in a variable, the other plan is one `replace` away: "
    "`plan.replace(PAIR, FOLLOWS)`.",
    "Nearly all of it:\n"
    'storage_type = "aurora-iopt1"\n'
    "storage_gb = 300\n"
    "page_reads = 1_500_000_000\n"
    "log_writes = ...\n"
    "backup_retention_days = 7\n"
    "backup_gb = 300\n"
    "snapshots = [ { gb = 300, count = ... } ]\n"
    'instances = [ { class = "db.r6g.large", count = ... } ]\n'
    "Then the same with one thing changed, for each of the two differences.",
]
