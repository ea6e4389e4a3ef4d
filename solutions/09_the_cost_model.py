# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "09"
#     title: The cost model
#     minutes: 45
#     objectives:
#       - name every line of an Aurora bill, and say what makes it grow
#       - measure what a piece of SQL costs, in page reads and in log writes
#       - compute where I/O-Optimized becomes cheaper than Standard, and say what moves that point
#       - recognise the surprises that real people had on their bills, before you have them
#       - price a plan before it is built, and defend it by a figure
#     when_late: Leave out 09.4, 09.8 and 09.9. The rest does not need them.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] picture="09_four_meters.png"
# ## Four meters
#
# <img src="attachment:09_four_meters.png" width="760" alt="A writer and a reader above one volume. Meters hang on it:
# instance hours, GB of storage, I/Os between instances and volume, GB of backups">
#
# A parcel service. At the end of the month there is a bill, and it is higher than anybody thought. Which query, which
# index, which setting was it? Here you read each meter before and after you do something.
#
# Nothing costs anything here. The lab counts what its servers really did, and multiplies it by Aurora's prices.

# %%
import os
import time

import boto3
import matplotlib.pyplot as plt
import psycopg
from IPython.display import HTML, display

from aurora_lab import lab

os.environ.update(PGUSER="clerk", PGPASSWORD="brown-paper-9", PGDATABASE="parcels")
rds = boto3.client("rds")


# %%
def add(name, size):
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass=size,
        DBClusterIdentifier="parcels",
        Engine="aurora-postgresql",
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)


def remove(name):
    rds.delete_db_instance(DBInstanceIdentifier=name)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)


# %%
rds.create_db_cluster(
    DBClusterIdentifier="parcels",
    Engine="aurora-postgresql",
    DatabaseName="parcels",
    MasterUsername="clerk",
    MasterUserPassword="brown-paper-9",
)
add("parcels-1", "db.r6g.large")

# %%
add("parcels-2", "db.r6g.large")

# %% [markdown]
# The prices that this lesson needs, on demand, of us-east-1, read 2026-07. Other Regions differ [8.25].
#
# | what | dollars | for | |
# |---|---|---|---|
# | `db.r6g.large` | 0.26 | hour | [8.16] |
# | `db.r6g.xlarge` | 0.519 | hour | [8.16] |
# | storage, Standard | 0.10 | GB-month | [8.1] |
# | I/O, Standard | 0.20 | **million** | [8.4] |
# | storage, I/O-Optimized | 0.225 | GB-month | [8.2] |
# | I/O, I/O-Optimized | 0 | | [8.4] |
#
# Standard and I/O-Optimized are two ways to be billed: section 7 compares them, and until then all here is Standard.
# A GB-month is one GB, kept for a month. A month has 730 hours.

# %%
MONTH = 730  # hours
LARGE, XLARGE = 0.26, 0.519  # dollars an hour
STORAGE, STORAGE_OPTIMIZED = 0.10, 0.225  # dollars a GB-month
IO = 0.20 / 1_000_000  # dollars

# %% [markdown]
# ## 1 · A short test
#
# You want to know whether a larger instance starts at all. You add a `db.r6g.xlarge`, see that it is there, and
# delete it. It was there for a minute or two.
#
# **Predict.** How many minutes are on the bill?
#
# - **a** as many as it was there: billing is by the second
# - **b** 10
# - **c** 60

# %% predict="09.1"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("09.1", choice)


# %%
def hours(size):
    """The instance hours of a class on the cluster's bill, until now."""
    lines = lab.bill("parcels").bill.lines
    return float(sum(line.quantity for line in lines if line.what == size))


# %% [markdown]
# ### 09.1 Add it, and remove it
#
# 1. Add `parcels-3`, a `db.r6g.xlarge`, with `add`; then `remove("parcels-3")`.
# 2. Read the bill: put into `minutes` what is billed for this class. `hours("db.r6g.xlarge")` tells it in hours.

# %% exercise="09.1"
minutes = ...
### BEGIN SOLUTION
add("parcels-3", "db.r6g.xlarge")
remove("parcels-3")
minutes = 60 * hours("db.r6g.xlarge")
### END SOLUTION
print("billed:", minutes, "minutes")

# %% check="09.1"
lab.check("09.1")

# %% [markdown]
# By the second, but ten minutes at least: after each create, each start, and each change of class [8.34]. A job that
# makes a reader for two minutes, 30 times a day, pays for five hours.
#
# (Hours here are those of the lab's clock, which passes faster than yours.)
#
# ## 2 · What is a write?
#
# Aurora bills log that is made durable, in units of **4 KB** [8.31]. Never a page: instances send no pages [8.31].
# `billed` runs statements on the writer and says what they were: page reads, log writes. Both are from PostgreSQL's
# own statistics. For log writes it takes the larger of two: how often log was written, and its bytes in units of 4 KB.

# %%
cluster = rds.describe_db_clusters(DBClusterIdentifier="parcels")["DBClusters"][0]
WRITER = cluster["Endpoint"]
METERS = """select sum(blks_read)::bigint, max(wal_write), max(wal_bytes)::bigint
  from pg_stat_database, pg_stat_wal where datname = current_database()"""


def billed(*statements):
    """What these statements cost on the writer: page reads, log writes."""
    with psycopg.connect(host=WRITER, autocommit=True) as session:
        session.execute("select pg_stat_force_next_flush()")
        before = session.execute(METERS).fetchone()
        for statement in statements:
            session.execute(statement)
        session.execute("select pg_stat_force_next_flush()")
        after = session.execute(METERS).fetchone()
    reads, writes, size = (new - old for new, old in zip(after, before, strict=True))
    return reads, max(writes, -(-size // 4096))  # units of 4 KB, rounded up


made = billed("create table if not exists scan (way text, parcel integer)")
print("to make a table: page reads, log writes:", made)

# %% [markdown]
# A scanner has read 300 parcels. Each is a row of some 60 bytes. You can commit each row, or all in one transaction.
#
# **Predict.** What of the log writes?
#
# - **a** the same: it is the same data
# - **b** one by one costs some ten times as many, or more
# - **c** all in one costs more: a long transaction has more log

# %% predict="09.2"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("09.2", choice)


# %%
def scans(way):
    return [f"insert into scan values ('{way}', {n})" for n in range(300)]


# %% [markdown]
# ### 09.2 One by one, or all in one
#
# 1. Run `scans("single")`, each statement a transaction of its own: `billed(*scans("single"))` gives page reads and
#    log writes. Keep the log writes in `single`.
# 2. Run `scans("batch")` in **one** transaction: `begin` before, `commit` after. Keep the log writes in `batch`.
# 3. `month`: what each way costs in a month (730 hours), in dollars, if 300 parcels are scanned every **second**.

# %% exercise="09.2"
single, batch = ..., ...
month = ...  # {"single": ..., "batch": ...}
### BEGIN SOLUTION
reads, single = billed(*scans("single"))
reads, batch = billed("begin", *scans("batch"), "commit")
seconds = MONTH * 3600
month = {"single": single * seconds * IO, "batch": batch * seconds * IO}
### END SOLUTION
print("single:", single, "batch:", batch, "dollars a month:", month)

# %% check="09.2"
lab.check("09.2")

# %% [markdown]
# A commit of 60 bytes is a unit, and a unit has room for 4 KB. What is committed together shares units. On a busy
# system also commits that come at the same moment may share one [8.31].
#
# The bytes are the same. Whoever counts bytes guesses wrong.

# %% [markdown] tags=["instructor"]
# **09.2, 5 minutes.** Ask for the other price of batches: whoever crashes in between scans again. That trade is theirs
# to make; now they know what is on the other side.

# %% [markdown]
# ## 3 · What is a read?
#
# One page of **8 KB** that is in no cache, and has to be fetched from the volume [8.30]. What the cache has is free.
#
# The lab's cache has 2,048 pages (16 MB), whatever the class: little, so that a small table already shows what a
# large one does. How many pages has this one?

# %%
LOAD = [
    "drop table if exists parcel",
    """create table parcel (id integer primary key, address text, delivered boolean,
         note text) with (autovacuum_enabled = off)""",  # only what you do is counted
    """insert into parcel select n, 'Lane ' || n * 7919 % 40000, n % 10 > 0,
         repeat(md5(n::text), 12) from generate_series(1, 50000) n""",
    "vacuum (analyze) parcel",
]
print("page reads and log writes of the load:", billed(*LOAD))
with psycopg.connect(host=WRITER) as session:
    pages = session.execute("select relpages from pg_class where relname = 'parcel'")
    print("pages of the table:", pages.fetchone()[0])

# %% [markdown]
# Somebody stands at the counter and asks for a parcel. They know the address.
#
# **Predict.** The query runs three times in a row. How many page reads?
#
# - **a** many at first, then none: it is in the cache now
# - **b** many, each time
# - **c** none: the result is one row

# %% predict="09.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("09.3", choice)

# %%
ASK = "select id from parcel where address = 'Lane 17'"
for _ in range(3):
    print(billed(ASK))

# %% [markdown]
# ### 09.3 Mend it
#
# 1. `before`: the page reads of `ASK` as it is.
# 2. Give the query what it lacks, by the name `parcel_address`.
# 3. `after`: its page reads now. (Run it twice, and take the second.)
# 4. `saved`: dollars a month, if this is asked **10 times a second**.

# %% exercise="09.3"
before, after, saved = ..., ..., ...
### BEGIN SOLUTION
before, _ = billed(ASK)
billed("create index parcel_address on parcel (address)")
billed(ASK)
after, _ = billed(ASK)
saved = (before - after) * 10 * MONTH * 3600 * IO
### END SOLUTION
print(before, "→", after, "page reads; saved:", saved, "dollars a month")

# %% check="09.3"
lab.check("09.3")

# %% [markdown]
# (Fewer reads than the table has pages: each scan finds a part of it in the cache.)
#
# A table of 23 MB, one missing index. Elsewhere, a vendor's blog says, one call looked at 287,431 buffers [8.52];
# and about 9,700 billed I/Os a second made a line of $5,104 a month, for I/O alone (2026-07) [8.50].
#
# No slow-query log shows this line. The metric is `VolumeReadIOPs`: billed reads of the whole volume, in 5 minutes. The
# instance's `ReadIOPS` is **not** the bill [8.33].
#
# ## 4 · An index that nobody needs
#
# If one missing index costs so much, why not index everything? A colleague has done that, "to be safe".

# %%
EXTRA = "create index if not exists parcel_note on parcel (note)"
billed("create index if not exists parcel_address on parcel (address)", EXTRA)
WORKDAY = [ASK] * 5 + [f"select note from parcel where id = {n}" for n in range(1, 30)]
billed(*WORKDAY)
fresh = iter(range(100_000, 900_000, 300))


def arrivals():
    """300 new parcels, in one transaction."""
    first = next(fresh)
    return [
        "begin",
        f"""insert into parcel
            select n, 'Lane ' || n % 40000, false, repeat(md5(n::text), 12)
            from generate_series({first}, {first + 299}) n""",
        "commit",
    ]


# %% [markdown]
# **Predict.** No query uses this index. What does it cost?
#
# - **a** storage, nothing else: if nobody reads it, nobody pays
# - **b** storage, and log writes when rows are inserted
# - **c** storage, log writes, and page **reads**

# %% predict="09.4"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("09.4", choice)

# %% [markdown]
# ### 09.4 Which one goes?
#
# 1. `with_it = billed(*arrivals())`.
# 2. Find the index that nobody has used. `pg_stat_user_indexes` has the columns `indexrelname` and `idx_scan`.
# 3. Drop **this one**, and keep the others.
# 4. `without = billed(*arrivals())`.

# %% exercise="09.4"
with_it, without = ..., ...
### BEGIN SOLUTION
with_it = billed(*arrivals())
with psycopg.connect(host=WRITER) as shop:
    scans_of = "select indexrelname, idx_scan from pg_stat_user_indexes"
    print(*shop.execute(scans_of), sep="\n")
billed("drop index parcel_note")
without = billed(*arrivals())
### END SOLUTION
print("reads and writes:", with_it, "→", without)

# %% check="09.4"
lab.check("09.4")

# %% [markdown]
# To insert into an index, its page must be in the cache. The notes come in no order, so nearly each new row needs
# another page of the index, and most of them are not there. A write that **reads**.
#
# ## 5 · Does it ever shrink?
#
# Nine of ten parcels are delivered. You delete them.
#
# **Predict.** You pay by the GB. When does the bill for storage go down?
#
# - **a** soon after the `DELETE`
# - **b** never: Aurora's storage only grows
# - **c** not by `DELETE`, but when the table is dropped or truncated

# %% predict="09.5"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("09.5", choice)


# %%
def table_mb():
    query = "select pg_total_relation_size('parcel') / 1e6"
    with psycopg.connect(host=WRITER) as session:
        return round(float(session.execute(query).fetchone()[0]), 1)


# %% [markdown]
# ### 09.5 Get the space back
#
# 1. `delete from parcel where delivered`, and `vacuum parcel`. Look at `table_mb()` before and after.
# 2. Get the space back. In the end the table `parcel` is **small**, and has every parcel that was not delivered. One way:
#    `create table kept as select …`, drop the old table, and `alter table kept rename to parcel`.

# %% exercise="09.5"
sizes = [table_mb()]
### BEGIN SOLUTION
billed("delete from parcel where delivered", "vacuum parcel")
sizes.append(table_mb())
billed(
    "create table kept as select * from parcel where not delivered",
    "drop table parcel",
    "alter table kept rename to parcel",
)
sizes.append(table_mb())
### END SOLUTION
print("MB:", *sizes)

# %% check="09.5"
lab.check("09.5")

# %% [markdown]
# Many pages on the web still say **b**. The volume does shrink: after `DROP TABLE`, `TRUNCATE`, dropped partitions; on
# Aurora gradually, about 10 TB a day. Not after `DELETE`: then repack the table [8.35].
# (A table made by `create table … as` has no key and no index: make them again.)

# %% [markdown]
# ## 6 · Your own bill
#
# All this was measured: hours of instances, GB, page reads, log writes. The next cell waits until CloudWatch has the
# I/Os (it has them every 5 lab minutes; the newest come later), and gives you the quantities, without a price.


# %%
def quantities():
    """What is billed of the cluster until now: page reads, log writes, hours, GB-months."""
    for _ in range(300):
        lines = lab.bill("parcels").bill.lines
        used = {line.what: float(line.quantity) for line in lines}
        if "page reads" in used and "log writes" in used:
            break
        time.sleep(0.5)
    for name in ("page reads", "log writes"):
        used[name] = round(1_000_000 * used.get(name, 0))
    return used


used = quantities()
for name, value in used.items():
    print(f"{value:14,}" if isinstance(value, int) else f"{value:14.6f}", name)

# %% [markdown]
# `volume` is in GB-months, the instance classes are in hours, the I/Os are counted one by one.
#
# **Predict.** All these I/Os, and the instance hours above. Which is the largest part of the bill?
#
# - **a** instances
# - **b** storage
# - **c** I/O

# %% predict="09.6"
choice = "?"
### BEGIN SOLUTION
choice = "a"
### END SOLUTION
lab.predict("09.6", choice)

# %% [markdown]
# ### 09.6 Add it up, before you look
#
# From `used` and the prices at the top: the dollars of each part. (`db.r6g.xlarge` was there, too.)

# %% exercise="09.6"
mine = ...  # {"compute": ..., "storage": ..., "I/O": ...}
### BEGIN SOLUTION
mine = {
    "compute": used["db.r6g.large"] * LARGE + used["db.r6g.xlarge"] * XLARGE,
    "storage": used["volume"] * STORAGE,
    "I/O": (used["page reads"] + used["log writes"]) * IO,
}
### END SOLUTION
print(mine)

# %% check="09.6"
lab.check("09.6")

# %% [markdown]
# And now the lab's. It is later, so it is more: also I/Os that CloudWatch did not have yet. `aurora-lab bill parcels` prints the same in a terminal.

# %%
lab.bill("parcels")

# %% [markdown]
# And what you have done to the volume, as CloudWatch saw it, a point each lab minute: the load, the index, and what was
# dropped. (A new volume has some 30 MB here: PostgreSQL's own tables.)

# %%
found = lab.bill("parcels")
points = found.metered.usage.volume.points[:-1]  # the last one ends it
figure, axes = plt.subplots(figsize=(7.5, 2.6), layout="constrained")
at, megabytes = zip(*((h * 60, gb * 1024) for h, gb in points), strict=True)
axes.step(list(map(float, at)), list(map(float, megabytes)), where="post")
axes.set(xlabel="lab minutes", ylabel="MB that are billed")
axes.set_ylim(0)
plt.show()

# %% [markdown]
# ## 7 · Standard or I/O-Optimized?
#
# I/O-Optimized has no charge for I/O. Its instances cost 1.30 times as much [8.19], its storage 2.25 times [8.1] [8.2].
# It is cheaper when
#
# **I/O spend > what instances cost more + what storage costs more** [8.37]
#
# AWS says: when I/O is 25 % of your bill or more [8.37].
#
# **Predict.** One small instance, 10 TB of data. At the crossing, where both cost the
# same, I/O is which share of the Standard bill?
#
# - **a** 25 %: that is the rule
# - **b** less
# - **c** about half

# %% predict="09.7"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("09.7", choice)

# %% [markdown]
# Three clusters: dollars an hour of all instances, Standard and I/O-Optimized; then GB. A `db.r6g.2xlarge` is 1.038 and
# 1.349 dollars (2026-07) [8.16] [8.19], an ACU-hour 0.12 and 0.16 (2026-07, by the
# price list; texts of AWS say 0.156) [8.3].

# %%
CLUSTERS = {
    "two r6g.2xlarge, 150 GB": (2 * 1.038, 2 * 1.349, 150),
    "one r6g.large, 10,000 GB": (0.26, 0.338, 10_000),
    "8 ACUs, nothing stored": (8 * 0.12, 8 * 0.16, 0),
}

# %% [markdown]
# ### 09.7 Compute the crossing
#
# A colleague has taken the rule of thumb. Put the true figures in its place:
#
# 1. `crossing`: how many I/Os a month, so that both storage types cost the same?
# 2. `share`: the dollars of these I/Os, as a share of the **whole** Standard bill (instances + storage + I/O).


# %% exercise="09.7"
def crossing(hourly, hourly_optimized, gb):
    """I/Os a month at which both cost the same."""
    return 0.25 * (hourly * MONTH + gb * STORAGE) / IO


def share(hourly, hourly_optimized, gb):
    """Which share of the Standard bill the I/O is then, from 0 to 1."""
    return 0.25


### BEGIN SOLUTION
def crossing(hourly, hourly_optimized, gb):
    dearer = (hourly_optimized - hourly) * MONTH + gb * (STORAGE_OPTIMIZED - STORAGE)
    return dearer / IO


def share(hourly, hourly_optimized, gb):
    spent = crossing(hourly, hourly_optimized, gb) * IO
    return spent / (hourly * MONTH + gb * STORAGE + spent)


### END SOLUTION
crossings = [crossing(*each) for each in CLUSTERS.values()]
shares = [share(*each) for each in CLUSTERS.values()]
print(*zip(CLUSTERS, crossings, shares, strict=True), sep="\n")

# %% check="09.7"
lab.check("09.7")

# %% [markdown]
# Do you believe it? The next two cells look for the crossing without the formula: they price the first cluster line by
# line, with more and more I/O, and draw both bills.

# %%
from dataclasses import replace
from pathlib import Path

from aurora_lab.models.billing import bill
from aurora_lab.models.curves import Curve
from aurora_lab.models.plan import read_plan
from aurora_lab.models.price_book import price_book

SHOP = """[cluster]
storage_gb = 150
instances = [ { class = "db.r6g.2xlarge", count = 2 } ]
page_reads = %d
"""
BILLIONS = [n / 10 for n in range(0, 46, 3)]


# %%
def priced(billions):
    """The bills of a month, Standard and I/O-Optimized."""
    usage = read_plan(SHOP % (billions * 10**9)).cluster
    both = usage, replace(usage, io_optimized=Curve.constant(1))
    return [float(bill(price_book(), each, 0, MONTH).total) for each in both]


figure, axes = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
standard, optimized = zip(*map(priced, BILLIONS), strict=True)
axes.plot(BILLIONS, standard, "o-", ms=3, color="#c4622d", label="Standard")
axes.plot(BILLIONS, optimized, "s--", ms=3, color="#3867b8", label="I/O-Optimized")
if isinstance(crossings[0], int | float):
    axes.axvline(crossings[0] / 10**9, color="#6b7280", linewidth=1, label="your formula")
axes.set(xlabel="billion I/Os a month", ylabel="dollars a month", ylim=(0, 2700))
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# What drives it? Each bar is what I/O-Optimized costs more, by what it is for.

# %%
figure, axes = plt.subplots(figsize=(7.5, 2.4), layout="constrained")
for name, (hourly, hourly_optimized, gb) in CLUSTERS.items():
    compute = (hourly_optimized - hourly) * MONTH
    storage = gb * (STORAGE_OPTIMIZED - STORAGE)
    axes.barh(name, compute, color="#3867b8")
    axes.barh(name, storage, left=compute, color="#2f9e77")
axes.legend(["instances", "storage"], loc="lower right")
axes.set_xlabel("I/O spend at the crossing, dollars a month")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# "25 %" is a rule of thumb: 23.1 % for provisioned instances without storage, 25.0 % for serverless at 0.16 dollars
# an ACU-hour, and more, the more is stored [8.37]. The opposite mistake is made, too: in one report, of 179 clusters 124
# were on I/O-Optimized, and 9 needed it [8.53].
#
# Back to Standard you may go at any time; to I/O-Optimized once in 30 days [8.39]. And it is not billing alone: the tiered
# cache of Optimized Reads (pages kept on the instance's own NVMe disk, too) needs I/O-Optimized [8.41].

# %% [markdown]
# ## 8 · The tool says
#
# Somebody has written a calculator. For one `db.r6g.large`, Standard, with nothing stored, it says $246.74 a month
# (2026-09). Two real tools had these mistakes [8.61].

# %%
DESIGNS = [  # $ an hour of an instance at Standard, how many, GB, I/Os, I/O-Optimized?
    (0.26, 1, 0, 0, False),
    (0.26, 2, 100, 500_000_000, False),
    (0.26, 2, 100, 500_000_000, True),
    (0.519, 1, 2_000, 9_000_000_000, True),
]

# %% [markdown]
# ### 09.8 Find the mistakes
#
# Mend the function. An I/O-Optimized instance costs 1.30 times the Standard one [8.19].


# %% exercise="09.8"
def monthly(hourly, count, gb, ios, optimized):
    compute = hourly * 1.30 * count * MONTH
    storage = gb * (STORAGE_OPTIMIZED if optimized else STORAGE)
    return compute + storage + ios * IO


### BEGIN SOLUTION
def monthly(hourly, count, gb, ios, optimized):
    compute = hourly * (1.30 if optimized else 1) * count * MONTH
    storage = gb * (STORAGE_OPTIMIZED if optimized else STORAGE)
    return compute + storage + (0 if optimized else ios * IO)


### END SOLUTION
totals = [monthly(*each) for each in DESIGNS]
print(*totals)

# %% check="09.8"
lab.check("09.8")

# %% [markdown]
# ## 9 · Four surprises
#
# Four teams, four bills. For each there is one thing that could be saved.
#
# - **A** takes a snapshot of 500 GB each day, and keeps each for three years: now it has 1,095 of them. Little changes
#   from day to day.
# - **B** runs PostgreSQL 13 in December 2026: a writer and a reader, 8 vCPUs each.
# - **C** has a serverless writer, on average at 6 ACUs, and two serverless readers that nobody asks anything. Their
#   promotion tier was never set. The cluster's minimum is 0.5.
# - **D** has its application in another AZ than its writer. 5,000 GB a month go there, 5,000 come back.

# %% [markdown]
# **Predict.** C: at how many ACUs is each of the idle readers?
#
# - **a** 0.5, the minimum
# - **b** about 6, as the writer
# - **c** 0: it is idle, so it is paused

# %% predict="09.9"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("09.9", choice)

# %% [markdown]
# | of us-east-1, 2021 to 2026-07 | dollars | for | |
# |---|---|---|---|
# | backups; a snapshot beyond the retention period counts **in full** [8.36] | 0.021 | GB-month | [8.5] |
# | Extended Support of version 13, since 2026-03 [8.45] | 0.10 | vCPU-hour, each instance | [8.12] |
# | serverless; tiers 0 and 1 follow the writer [5.8], tier 1 is the default [5.9] | 0.12 | ACU-hour | [8.3] |
# | between AZs, each way | 0.01 | GB | [8.24] |
#
# ### 09.9 What could each save?
#
# Dollars a month: **A** what all its snapshots cost; **B** the Extended Support; **C** what it saves with both readers in tier
# 15, at 0.5 ACU; **D** the traffic.

# %% exercise="09.9"
save = ...  # {"A": ..., "B": ..., "C": ..., "D": ...}
### BEGIN SOLUTION
save = {
    "A": 1095 * 500 * 0.021,
    "B": 2 * 8 * 0.10 * MONTH,
    "C": 2 * (6 - 0.5) * 0.12 * MONTH,
    "D": (5000 + 5000) * 0.01,
}
### END SOLUTION
print(save)

# %% check="09.9"
lab.check("09.9")

# %% [markdown]
# Now their whole bills, as the lab prices them, with instances that we have made up: they stand in the code.

# %%
TEAMS = {
    "A": 'storage_gb = 500\ninstances = [{class = "db.r6g.xlarge", count = 2}]\n'
    "snapshots = [{gb = 500, count = 1095}]",
    "B": 'engine_version = "13.20"\ninstances = [{class = "db.r6g.2xlarge", count = 2}]',
    "C": "serverless = [{acu = 6, count = 3}]",
    "D": 'cross_az_gb = 10_000\ninstances = [{class = "db.r6g.large"}]',
}
DATED = "name = '{}'\ndate = 2026-12-01\n[cluster]\n{}\n"
plans = [read_plan(DATED.format(name, text)).cluster for name, text in TEAMS.items()]
bills = [bill(price_book(), usage, 0, MONTH) for usage in plans]

from aurora_lab.view.bill_picture import bill_image

display(HTML(bill_image(bills)))

# %% [markdown]
# A's snapshots are from a post [8.55]; the figures of B, C and D are made up, over what others write about [8.56] [8.58].
# (One firm paid more than 20,000 dollars a year for D's mistake [8.57].) B came by
# itself: a cluster is in Extended Support by default, unless you opt out when you create or restore it [8.45]. And C's
# cure is one call for each reader, `modify_db_instance(PromotionTier=15)`.
#
# Two more, for the road: a "scale to zero" that a job woke each minute cost about 71 dollars a month [8.54]. (0.5 ACU
# alone, all month, is 43.80 (2026-07) [8.58].) And a stopped cluster starts again by itself after 7 days [8.59].

# %% [markdown]
# ## 10 · Your plan
#
# You can write down what you want to run, and have it priced before it is built. `aurora-lab bill --example` prints
# everything that one may say:

# %%
# !aurora-lab bill --example | head -24

# %% [markdown]
# The parcel service, a month of 730 hours:
#
# - 300 GB; 1.5 billion page reads, 0.5 billion log writes;
# - automated backups (`backup_retention_days` 7, `backup_gb` 300), 12 snapshots of 300 GB that
#   are older;
# - a writer and a reader; by day (8 to 18) **each** with at least 16 GiB: a `db.r6g.large`, or 8 ACUs [5.24];
# - at night 1 ACU would be enough for each.
#
# Two choices, for all the month: a pair of `db.r6g.large`, or a serverless pair that follows the day (`FOLLOWS`);
# Standard, or I/O-Optimized.


# %%
FOLLOWS = """serverless = [
  { count = 2, capacity = [[0, 1], [8, 8], [18, 1]], repeat_hours = 24 } ]
"""


def total(text):
    """What a plan costs a month, in dollars."""
    return float(bill(price_book(), read_plan(text).cluster, 0, MONTH).total)


# %% [markdown]
# ### 09.10 Choose, and say by how much
#
# 1. `plan`: the cheapest that does all this. It is TOML; the cell prices it.
# 2. `better_storage`: how many dollars it saves against the other **storage type**, all else the same.
# 3. `better_instances`: how many against the other kind of **instances**, with the storage type of your plan.

# %% exercise="09.10"
plan = """
[cluster]
storage_type = "aurora"
storage_gb = 300
"""
better_storage, better_instances = ..., ...
### BEGIN SOLUTION
NEEDED = """[cluster]
storage_gb = 300
page_reads = 1_500_000_000
log_writes = 500_000_000
backup_retention_days = 7
backup_gb = 300
snapshots = [ { gb = 300, count = 12 } ]
"""
PAIR = 'instances = [ { class = "db.r6g.large", count = 2 } ]\n'
plan = NEEDED + PAIR + 'storage_type = "aurora-iopt1"'
better_storage = total(NEEDED + PAIR) - total(plan)
better_instances = total(plan.replace(PAIR, FOLLOWS)) - total(plan)
### END SOLUTION
Path("parcels.toml").write_text(plan, encoding="utf-8")
# !aurora-lab bill --config parcels.toml
print(better_storage, better_instances)

# %% check="09.10"
lab.check("09.10")

# %% [markdown]
# By memory, serverless is cheaper while its average stays under some 27 % of the instance of that size [5.24]. This day
# averages 3.9 of 8 ACUs: 49 %. A service that sleeps at night is not idle enough.
#
# Not in your plan: discounts. Reserved instances take one or three years, and are not for serverless
# [8.42]; Database Savings Plans (since 2025-12) one year: for serverless, and for the newest families, not r6g [8.43].
#
# ## Clean up

# %%
ours = {"Filters": [{"Name": "db-cluster-id", "Values": ["parcels"]}]}
for cluster in rds.describe_db_clusters(**ours)["DBClusters"]:
    members = sorted(cluster["DBClusterMembers"], key=lambda item: item["IsClusterWriter"])
    for member in members:
        remove(member["DBInstanceIdentifier"])
    rds.delete_db_cluster(DBClusterIdentifier="parcels", SkipFinalSnapshot=True)
    rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="parcels")
lab.progress()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | pages that were in no cache; 4 KB of log | read from PostgreSQL's statistics | counted for the whole volume [8.33] |
# | a table that does not fit the cache | 16 MB, whatever the class | gigabytes, by the class |
# | when each instance was there | the lab's clock | your hours |
# | `DELETE` leaves the size, `DROP` does not | the space is back at once | about 10 TB a day [8.35] |
# | the arithmetic of every bill | prices: of the fact table | today's, discounts, tax |
# | an index nobody needs is read, too | now and then whole pages in the log | a page is never sent [2.32] |

# %% [markdown]
# ## One more question
#
# One Region, one bill. Somebody asks for a second Region, in case this one is lost: "it is only a copy". Each log write
# that is copied is then billed, for each secondary Region, also with I/O-Optimized [8.8]; storage and instances come on
# top [9.15]. What does one
# get for it: how much is lost when a Region is lost, and who switches over? In lesson 10 you find out.
