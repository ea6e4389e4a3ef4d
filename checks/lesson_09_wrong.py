"""Lesson 09: known wrong answers by the name of their mistake."""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong

_ADD = 'add("parcels-3", "db.r6g.xlarge")\n'
_REMOVE = 'remove("parcels-3")\n'

SHORT = {
    "never-there": Wrong(
        "minutes = 10\n",
        "That is what the rule says; now see it. Add the instance, remove it, and read the bill.",
    ),
    "still-there": Wrong(
        _ADD + 'minutes = 60 * hours("db.r6g.xlarge")\n',
        "It still runs, and each minute is billed. Remove it; how long it was there is known only then.",
        _REMOVE,
    ),
    "its-life": Wrong(
        _ADD + _REMOVE + "minutes = 2\n",
        "It was there that long, perhaps. The bill says something else: read it with `hours`, and take it times 60.",
    ),
    "in-hours": Wrong(
        _ADD + _REMOVE + 'minutes = hours("db.r6g.xlarge")\n',
        "The bill counts hours, and the question was for minutes. Take it times 60.",
    ),
}

_SINGLE = 'reads, single = billed(*scans("single"))\n'
_BATCH = 'reads, batch = billed("begin", *scans("batch"), "commit")\n'
_MONTH = 'month = {"single": single * 730 * 3600 * IO, "batch": batch * 730 * 3600 * IO}\n'
_NO_SCANS = 'billed("truncate scan")\n'

WRITES = {
    "committed-each": Wrong(
        _SINGLE + 'reads, batch = billed(*scans("batch"))\n' + _MONTH,
        "Without `begin` and `commit` around them, each statement is a transaction of its own, and both ways are the "
        "same.",
        _NO_SCANS,
    ),
    "one-transaction": Wrong(
        'reads, single = billed("begin", *scans("single"), "commit")\n' + _BATCH + _MONTH,
        "The scans `single` came together as well. Leave `begin` and `commit` out for these.",
        _NO_SCANS,
    ),
    "one-second": Wrong(
        _SINGLE + _BATCH + 'month = {"single": single * IO, "batch": batch * IO}\n',
        "That is what one second costs. A month has 730 hours of 3,600 seconds.",
        _NO_SCANS,
    ),
    "a-million-each": Wrong(
        _SINGLE
        + _BATCH
        + 'month = {"single": single * 730 * 3600 * 0.20, "batch": batch * 730 * 3600 * 0.20}\n',
        "The price is for a million I/Os, and you took it for one. `IO` is the price of one.",
        _NO_SCANS,
    ),
}

_BEFORE = "before, _ = billed(ASK)\n"
_ON_ADDRESS = 'billed("create index parcel_address on parcel (address)")\n'
_AFTER = "billed(ASK)\nafter, _ = billed(ASK)\n"
_SAVED = "saved = (before - after) * 10 * 730 * 3600 * IO\n"
_NO_INDEX = 'billed("drop index if exists parcel_address", "drop index if exists parcel_delivered")\n'

READS = {
    "no-index": Wrong(
        _BEFORE + _AFTER + _SAVED,
        "To ask again does not help: a table that does not fit the cache is fetched again. The query needs an index.",
    ),
    "other-column": Wrong(
        _BEFORE + 'billed("create index parcel_delivered on parcel (delivered)")\n' + _AFTER + _SAVED,
        "There is a new index, and this query cannot use it. It needs one on the column of its `where`: the address.",
        _NO_INDEX,
    ),
    "measured-too-late": Wrong(
        _ON_ADDRESS + "billed(ASK)\n" + _BEFORE + _AFTER + _SAVED,
        "The index was there already when you measured. Drop it, measure, make it again, and measure once more.",
        _NO_INDEX,
    ),
    "once-a-second": Wrong(
        _BEFORE + _ON_ADDRESS + _AFTER + "saved = (before - after) * 730 * 3600 * IO\n",
        "That is for one question a second. Ten come in each second, so ten times as much is saved.",
        _NO_INDEX,
    ),
}

_WITH = "with_it = billed(*arrivals())\n"
_WITHOUT = "without = billed(*arrivals())\n"
_ALL_BACK = (
    'billed("create index if not exists parcel_address on parcel (address)",\n'
    '       "create index if not exists parcel_note on parcel (note)")\n'
)

INDEX = {
    "still-there": Wrong(
        _WITH + _WITHOUT,
        "Measured twice, and nothing was dropped in between. Find the index with `idx_scan` 0, and drop it.",
    ),
    "the-wrong-one": Wrong(
        _WITH + 'billed("drop index parcel_address")\n' + _WITHOUT,
        "The counter needs this one for each question: look at its `idx_scan`. Make it again, and drop the one with 0 "
        "scans.",
        _ALL_BACK,
    ),
    "all-gone": Wrong(
        _WITH + 'billed("drop index parcel_address", "drop index parcel_note")\n' + _WITHOUT,
        "Now inserts are cheap, and each question reads the whole table again. Make the index on the address again.",
        _ALL_BACK,
    ),
    "dropped-first": Wrong(
        'billed("drop index parcel_note")\n' + _WITH + _WITHOUT,
        "Both were measured without it, so there is nothing to compare. Make it again with `billed(EXTRA)`, measure, "
        "then drop it.",
        _ALL_BACK,
    ),
}

_DELETE = 'billed("delete from parcel where delivered")\n'
_RELOAD = "billed(*LOAD)\n"
_UNDELIVERED = """billed('''insert into parcel select n, 'Lane ' || n * 7919 % 40000, false, repeat(md5(n::text), 12)
    from generate_series(10, 50000, 10) n on conflict do nothing''')
"""

SHRINK = {
    "only-deleted": Wrong(
        _DELETE,
        "The rows are gone, and their pages are still there, full of holes. Move what is left into a new table, and "
        "drop the old one.",
        _RELOAD,
    ),
    "only-vacuumed": Wrong(
        _DELETE + 'billed("vacuum parcel")\n',
        "VACUUM makes the holes usable for new rows; it hands back only empty pages at the end. Move what is left "
        "into a new table. (It was `VACUUM FULL`? That is right, too: a reader still held the old rows. Run it again.)",
        _RELOAD,
    ),
    "lost-parcels": Wrong(
        'billed("delete from parcel where not delivered")\n',
        "Those are the parcels that nobody has delivered yet. Load again with `billed(*LOAD)`; then mind the `where`.",
        _UNDELIVERED,
    ),
}


def _sum(
    compute: str = 'used["db.r6g.large"] * LARGE + used["db.r6g.xlarge"] * XLARGE',
    storage: str = 'used["volume"] * STORAGE',
    ios: str = '(used["page reads"] + used["log writes"]) * IO',
) -> str:
    return f'mine = {{"compute": {compute}, "storage": {storage}, "I/O": {ios}}}\n'


SUM = {
    "one-class": Wrong(
        _sum(compute='used["db.r6g.large"] * LARGE'),
        "The short test of 09.1 is on the bill, too: the hours of `db.r6g.xlarge`, at its own price.",
    ),
    "six-copies": Wrong(
        _sum(storage='6 * used["volume"] * STORAGE'),
        "Storage keeps six copies of the log, and you pay for one. The copies are in the price.",
    ),
    "a-million-each": Wrong(
        _sum(ios='(used["page reads"] + used["log writes"]) * 0.20'),
        "You have billed each I/O as if it were a million of them. `IO` is the price of one.",
    ),
    "reads-only": Wrong(
        _sum(ios='used["page reads"] * IO'),
        "Writes are I/O as well, at the same price: each 4 KB of log. Add `log writes`.",
    ),
}


def _crossing(crossing: str, share: str = "spent / (hourly * MONTH + gb * STORAGE + spent)") -> str:
    return f"""
def crossing(hourly, hourly_optimized, gb):
    return {crossing}

def share(hourly, hourly_optimized, gb):
    spent = crossing(hourly, hourly_optimized, gb) * IO
    return {share}

crossings = [crossing(*each) for each in CLUSTERS.values()]
shares = [share(*each) for each in CLUSTERS.values()]
"""


CROSSING = {
    "instances-only": Wrong(
        _crossing("(hourly_optimized - hourly) * MONTH / IO"),
        "The storage is dearer, too: $0.225 instead of $0.10 a GB and month (2026-07). With 10,000 GB that is "
        "nearly all of it.",
    ),
    "a-quarter": Wrong(
        _crossing("0.25 * (hourly * MONTH + gb * STORAGE) / IO"),
        "That is the rule of thumb, and the question is when it is wrong. Compute what I/O-Optimized costs more.",
    ),
    "all-of-it": Wrong(
        _crossing("(hourly_optimized * MONTH + gb * STORAGE_OPTIMIZED) / IO"),
        "Instances and storage cost something at Standard as well. Only the difference must be earned back by I/O.",
    ),
    "share-of-the-rest": Wrong(
        _crossing(
            "((hourly_optimized - hourly) * MONTH + gb * (STORAGE_OPTIMIZED - STORAGE)) / IO",
            "spent / (hourly * MONTH + gb * STORAGE)",
        ),
        "The share of a bill is of the whole bill, and the I/O is a part of it: add it below the line, too.",
    ),
}


def _tool(factor: str, ios: str) -> str:
    return f"""
def monthly(hourly, count, gb, ios, optimized):
    compute = hourly * {factor} * count * MONTH
    storage = gb * (STORAGE_OPTIMIZED if optimized else STORAGE)
    return compute + storage + {ios}

totals = [monthly(*each) for each in DESIGNS]
"""


_RIGHT_FACTOR, _RIGHT_IO = "(1.30 if optimized else 1)", "(0 if optimized else ios * IO)"

TOOL = {
    "as-it-was": Wrong(
        _tool("1.30", "ios * IO"),
        "Nothing has changed yet. The first design is Standard, and 0.26 × 730 is $189.80.",
    ),
    "io-always": Wrong(
        _tool(_RIGHT_FACTOR, "ios * IO"),
        "One of two is found. The third and the fourth design are I/O-Optimized: what do they pay for an I/O?",
    ),
    "always-dearer": Wrong(
        _tool("1.30", _RIGHT_IO),
        "One of two is found. The factor 1.30 is on every cluster, also on those that are Standard.",
    ),
    "never-dearer": Wrong(
        _tool("1", _RIGHT_IO),
        "Now I/O-Optimized instances are as cheap as others. They cost 1.30 times as much, and only they.",
    ),
}


def _save(
    a: str = "1095 * 500 * 0.021",
    b: str = "2 * 8 * 0.10 * MONTH",
    c: str = "2 * (6 - 0.5) * 0.12 * MONTH",
    d: str = "10_000 * 0.01",
) -> str:
    return f'save = {{"A": {a}, "B": {b}, "C": {c}, "D": {d}}}\n'


FOUR = {
    "incremental": Wrong(
        _save(a="500 * 0.021"),
        "That would be the price if snapshots shared what has not changed. Each of the 1,095 is billed as a full copy.",
    ),
    "by-the-instance": Wrong(
        _save(b="2 * 0.10 * MONTH"),
        "Extended Support is charged by the vCPU-hour, and each of these instances has eight.",
    ),
    "writer-only": Wrong(
        _save(b="8 * 0.10 * MONTH"),
        "Readers pay Extended Support as well: every vCPU of every instance counts.",
    ),
    "all-of-the-readers": Wrong(
        _save(c="2 * 6 * 0.12 * MONTH"),
        "In tier 15 the readers are small, and they are still there: each at the minimum of 0.5 ACU. Subtract that.",
    ),
    "one-way": Wrong(
        _save(d="5_000 * 0.01"),
        "Traffic between AZs is charged in each direction: what goes there and what comes back.",
    ),
}

_REST = """
better_storage, better_instances = 248.62, 416.6
"""
_PAIR = 'instances = [ { class = "db.r6g.large", count = 2 } ]'


def _plan(
    storage: str = "aurora-iopt1", instances: str = _PAIR, snapshots: int = 12, rest: str = _REST
) -> str:
    return f'''
plan = """
name = "parcels"
hours = 730

[cluster]
storage_type = "{storage}"
storage_gb = 300
page_reads = 1_500_000_000
log_writes = 500_000_000
backup_retention_days = 7
backup_gb = 300
snapshots = [ {{ gb = 300, count = {snapshots} }} ]
{instances}
"""
{rest}'''


PLAN = {
    "standard-storage": Wrong(
        _plan(storage="aurora"),
        "Two billion I/Os cost $400 at Standard (2026-07). Price the same plan with `aurora-iopt1`.",
    ),
    "serverless": Wrong(
        _plan(
            instances="serverless = [ { count = 2, capacity = [[0, 1], [8, 8], [18, 1]], repeat_hours = 24 } ]"
        ),
        "It follows the day, and still costs more: an ACU is dear, and this day averages 49 % of the 8. Price the "
        "provisioned pair.",
    ),
    "one-instance": Wrong(
        _plan(instances='instances = [ { class = "db.r6g.large" } ]'),
        "That is half the price and half the cluster: when the writer is lost, nobody can take over. Two are needed, "
        "each with 16 GiB by day.",
    ),
    "left-out": Wrong(
        _plan(snapshots=1),
        "A plan that leaves something out is always cheaper. Go through the list of what is needed, line by line.",
    ),
    "a-total": Wrong(
        _plan(rest="better_storage, better_instances = 885.20, 1053.18\n"),
        "That is what the other plan costs. The question was how much more that is than yours: subtract.",
    ),
}
