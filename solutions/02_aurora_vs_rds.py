# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "02"
#     title: Aurora vs RDS
#     minutes: 45
#     objectives:
#       - tell an RDS standby, an RDS read replica and an Aurora reader apart, by who answers
#       - fail over an RDS instance and an Aurora cluster, each by its own call, and measure the gap
#       - say which promotion can lose confirmed rows, and show it
#       - choose between the two by a measurement
#     when_late: Of 02.5 do only the first step, `lab.fault("az", zone, "undo")`. The rest does not need it.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] picture="02_two_shops.png"
# ## Two shops, side by side
#
# <img src="attachment:02_two_shops.png" width="760" alt="Left: three RDS machines, each with its own copy of the
# data. Right: a writer and two Aurora readers on one cluster volume">
#
# Amazon RDS runs a plain PostgreSQL for you: one **primary**, with a disk of its own [4.6]. Aurora puts several
# instances on one volume that they share [1.1].
#
# In this lesson the same shop stands on both. You do the same to both, and write down what differs. Where the picture
# has a question mark, you will find out.

# %%
import os
import time
from collections import Counter
from functools import partial
from threading import Thread

import boto3
import psycopg
from botocore.exceptions import ClientError

from aurora_lab import lab

os.environ.update(PGUSER="baker", PGPASSWORD="fresh-bread-1", PGDATABASE="shop")
LOGIN = {"MasterUsername": "baker", "MasterUserPassword": "fresh-bread-1"}
SIZE = "db.r6g.large"
rds = boto3.client("rds")

# %% [markdown]
# Small tools for both shops: look at an instance, wait for one, remove one, and ask a database.


# %%
def instance(name):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def wait_for(*names):
    for name in names:
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)


def remove(name):
    wait_for(name)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
    time.sleep(lab.dns_ttl())  # until no name leads to it any more


# %%
def ask(host, query, *values):
    """The rows of a query. Where nobody answers yet, it asks again, for 30 s."""
    until = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(host=host, autocommit=True) as connection:
                found = connection.execute(query, values)
                return found.fetchall() if found.description else []
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


# %% [markdown]
# The Aurora shop first: a cluster, then two instances in two availability zones (AZs).


# %%
def add(name, zone):
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        AvailabilityZone=zone,
        DBInstanceClass=SIZE,
        DBClusterIdentifier="aurora-shop",
        Engine="aurora-postgresql",
    )
    wait_for(name)


rds.create_db_cluster(
    DBClusterIdentifier="aurora-shop",
    Engine="aurora-postgresql",
    DatabaseName="shop",
    **LOGIN,
)
add("aurora-1", "us-west-2a")
add("aurora-2", "us-west-2b")
cluster = rds.describe_db_clusters(DBClusterIdentifier="aurora-shop")["DBClusters"][0]
AURORA, READERS = cluster["Endpoint"], cluster["ReaderEndpoint"]
print(AURORA, READERS, sep="\n")

# %% [markdown]
# ## 1 · The other shop
#
# RDS has no cluster to begin with: one call makes the database. `MultiAZ=True` gives it a second machine in another
# AZ, the **standby**. Each change on the primary goes to it synchronously [4.1].
#
# **Predict.** Two machines: how many host names do you get?
#
# - **a** one
# - **b** two, one for each
# - **c** two: one to write, one to read

# %% predict="02.1"
choice = "?"
### BEGIN SOLUTION
choice = "a"
### END SOLUTION
lab.predict("02.1", choice)

# %% [markdown]
# ### 02.1 Make it
#
# 1. Create the DB instance `rds-shop`: engine `postgres`, class `db.r6g.large`, `AllocatedStorage` 20 (GiB),
#    `DBName` `shop`, **with a standby**, and the login from above (`**LOGIN`). Wait for it.
# 2. Keep the AZ of its standby in `standby`: it is among what `instance("rds-shop")` returns.
#
# | Console | CLI | boto3 |
# |---|---|---|
# | the form to create a database: engine, size, standby | `aws rds create-db-instance ... --multi-az` | `rds.create_db_instance(..., MultiAZ=True)` |

# %% exercise="02.1"
standby = ...
### BEGIN SOLUTION
rds.create_db_instance(
    DBInstanceIdentifier="rds-shop",
    Engine="postgres",
    DBInstanceClass="db.r6g.large",
    AllocatedStorage=20,
    DBName="shop",
    MultiAZ=True,
    **LOGIN,
)
wait_for("rds-shop")
standby = instance("rds-shop")["SecondaryAvailabilityZone"]
### END SOLUTION
print("The standby is in", standby)

# %% check="02.1"
lab.check("02.1")

# %% [markdown]
# You had to say how many GiB you want: RDS storage belongs to the instance, and you provision it. For Aurora
# nobody asked: its volume is billed by what is used [4.6].
#
# Now the same table in both.

# %%
SHOP = instance("rds-shop")["Endpoint"]["Address"]
for host in (SHOP, AURORA):
    ask(
        host,
        """create table if not exists orders (
          id integer primary key, at timestamptz default clock_timestamp())""",
    )
print(SHOP)

# %% [markdown] tags=["instructor"]
# **02.1, 7 minutes.** Keep the picture on the wall, and fill in its question marks as the lesson goes: standby "reads
# nothing", replica "reads", Aurora's readers "read, and take over". Who has done lesson 01 types little here.

# %% [markdown]
# ## 2 · Who answers?
#
# `answers` connects 20 times to a name, and counts what kind of server is there.


# %%
def answers(host, times=20):
    query = "show transaction_read_only"
    kinds = {"off": "one that writes", "on": "one that only reads"}
    return Counter(kinds[ask(host, query)[0][0]] for _ in range(times))


print("rds-shop:", answers(SHOP))
print("its copies:", ask(SHOP, "select state, sync_state from pg_stat_replication"))

# %% [markdown]
# One copy, `sync`: that is the standby. It has every order. RDS has another kind
# of machine: a **read replica** [4.5].
#
# **Predict.** rds-shop gets one. Then there are three machines: primary, standby, replica. How many answer reads?
#
# - **a** 3
# - **b** 2
# - **c** 1

# %% predict="02.2"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("02.2", choice)

# %% [markdown]
# ### 02.2 Measure it
#
# 1. Make the read replica `rds-copy` of `rds-shop`, in the AZ `us-west-2c`, and wait for it.
# 2. Call `answers` for the host names of rds-shop (`SHOP`), rds-copy, and Aurora's writer and readers (`AURORA`,
#    `READERS`). The host name of an instance is `instance(name)["Endpoint"]["Address"]`.
# 3. How many machines of each shop answer reads, the one that writes included? Keep the numbers in `rds_machines` and
#    `aurora_machines`.
#
# | | CLI | boto3 |
# |---|---|---|
# | RDS | `create-db-instance-read-replica` | `rds.create_db_instance_read_replica` |
# | Aurora, in the next cell | `create-db-instance` | `rds.create_db_instance(...)`, as in `add` |
#
# A replica names what it copies, too: `SourceDBInstanceIdentifier`. In the console both are actions of the database
# that is there.

# %% exercise="02.2"
rds_machines, aurora_machines = ..., ...
### BEGIN SOLUTION
rds.create_db_instance_read_replica(
    DBInstanceIdentifier="rds-copy",
    SourceDBInstanceIdentifier="rds-shop",
    AvailabilityZone="us-west-2c",
)
wait_for("rds-copy")
print("the primary:", answers(SHOP))
print("rds-copy:", answers(instance("rds-copy")["Endpoint"]["Address"]))
print("aurora-shop:", answers(AURORA), "readers:", answers(READERS))
rds_machines, aurora_machines = 2, 2
### END SOLUTION
print("RDS:", rds_machines, "Aurora:", aurora_machines)

# %% check="02.2"
lab.check("02.2")

# %% [markdown]
# Three RDS machines, three copies of the data, two that answer. Aurora: two machines, and both answer. Look at
# the copies of rds-shop again, and give Aurora a third machine, too.

# %%
COPY = instance("rds-copy")["Endpoint"]["Address"]
print("its copies:", ask(SHOP, "select state, sync_state from pg_stat_replication"))
add("aurora-3", "us-west-2c")
lab.map()

# %% [markdown]
# `sync` is the standby. `async` is the read replica: no commit waits for it [4.5].
#
# On AWS `aurora-3` copied nothing: a reader needs no copy of the data [4.7]. The lab does not show that: here each
# reader copies the pages first. So do not compare how long the two took.
#
# Both can have up to 15 that read [4.5] [1.1].

# %% [markdown]
# ## 3 · Fail over
#
# The till takes orders one by one. What it could not send it sends again. Half way it may make a call of yours:
# `partial(f, x)` is the call `f(x)`, made later.


# %%
def tried(call):
    try:
        call()
    except ClientError as error:
        print(error)


# %%
def take_orders(host, first, last, half_way=None):
    """Take orders; half way, do something. Returns the longest wait in seconds."""
    query = "insert into orders values (%s) on conflict do nothing"
    if half_way and not callable(half_way):
        return print("half_way is no call but what a call returned: write partial(f, x).")
    shop, longest, since = None, 0.0, time.monotonic()
    for number in range(first, last + 1):
        if half_way and number == (first + last) // 2:
            Thread(target=tried, args=[half_way]).start()
        while True:
            try:
                shop = shop or psycopg.connect(host=host, autocommit=True)
                shop.execute(query, [number])
                break
            except psycopg.Error as error:
                shop = None
                if time.monotonic() - since > 15:
                    return print(f"Nobody took order {number} for 15 s. {error}")
                time.sleep(0.1)
        longest, since = max(longest, time.monotonic() - since), time.monotonic()
        time.sleep(0.01)
    return round(longest, 1)


# %% [markdown]
# **Predict.** rds-shop has a standby that serves nobody, and a replica that serves reads. The primary fails. Who takes
# over?
#
# - **a** the replica: it is already working
# - **b** the standby
# - **c** the one that has received more

# %% predict="02.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("02.3", choice)

# %% [markdown]
# ### 02.3 Find the mistakes
#
# A colleague fails both shops over while they sell. Run her script as it is: no failover, and the errors say why.
# Mend `fail_rds` and `fail_aurora`, and run it again: orders 101 to 200 in both, and a failover of both half way.
#
# | | CLI | boto3 |
# |---|---|---|
# | RDS Multi-AZ | `reboot-db-instance --force-failover` | `rds.reboot_db_instance(..., ForceFailover=True)` |
# | Aurora | `failover-db-cluster` | `rds.failover_db_cluster(DBClusterIdentifier=...)` |
#
# In the console: a reboot with failover, and a failover of the cluster. The script empties both tables first, so you
# can run it as often as you like.

# %% exercise="02.3"
fail_rds = partial(rds.failover_db_cluster, DBClusterIdentifier="rds-shop")
fail_aurora = partial(
    rds.reboot_db_instance,
    DBInstanceIdentifier="aurora-1",
    ForceFailover=True,
)
### BEGIN SOLUTION
fail_rds = partial(
    rds.reboot_db_instance,
    DBInstanceIdentifier="rds-shop",
    ForceFailover=True,
)
fail_aurora = partial(rds.failover_db_cluster, DBClusterIdentifier="aurora-shop")
### END SOLUTION
for host in (SHOP, AURORA):
    ask(host, "delete from orders")
rds_gap = take_orders(SHOP, 101, 200, fail_rds)
aurora_gap = take_orders(AURORA, 101, 200, fail_aurora)
print("RDS:", rds_gap, "s; Aurora:", aurora_gap, "s")

# %% check="02.3"
lab.check("02.3")

# %% [markdown]
# What do the event logs call it? And what of rds-shop has changed? (Its standby was where you have kept in `standby`.)

# %%
wait_for("rds-shop", "aurora-1", "aurora-2")
for kind, name in (("db-instance", "rds-shop"), ("db-cluster", "aurora-shop")):
    for event in rds.describe_events(SourceType=kind, SourceIdentifier=name)["Events"]:
        print(name, event["Date"].strftime("%H:%M:%S"), event["Message"])
print(instance("rds-shop")["Endpoint"]["Address"], instance("rds-shop")["AvailabilityZone"])
print("the standby was in", standby)

# %% [markdown]
# RDS: the **instance** has failed over, from machine to machine under one name. Its line
# "Multi-AZ instance failover completed." is `RDS-EVENT-0049` [4.19]; Aurora has none such [7.2]. Aurora: the **cluster** has failed over, to an instance that
# has a name and was serving reads.
#
# The gap here is that of a laptop: nothing had to be detected, and DNS is quick. It does not tell which is faster. On
# AWS: RDS Multi-AZ typically 60 to 120 s [4.2], Aurora with a reader usually under 60 s, often under 30 [4.8]. (The
# figure for RDS is less sure: `aurora-lab facts 4.2`, in a terminal, says why.)

# %% [markdown] tags=["instructor"]
# **02.3, 9 minutes.** Do not let the room rank the two gaps: the laptop's are noise, and on containers Aurora's is
# often the longer one. What counts is what moves: in RDS a name between two machines, in Aurora a role between two
# instances that both serve.

# %% [markdown]
# ## 4 · Which promotion loses rows?
#
# The owner reads: "a read replica is a copy in another AZ". So why pay a standby as well? She turns it off.
#
# `evening()` does that. It also puts both writers into the same AZ, so that one fault hits both, and mends what a night
# has broken: whenever you want to begin this part anew, call it again.


# %%
def mend():
    """Bring back every AZ, and rds-copy as a replica; forget the orders of the night."""
    for zone in ("us-west-2a", "us-west-2b", "us-west-2c"):
        lab.fault("az", zone, "undo")
    for name in ("rds-shop", "aurora-1", "aurora-2", "aurora-3"):
        ask(instance(name)["Endpoint"]["Address"], "select 1")  # until it is back
        wait_for(name)
    for host in (SHOP, AURORA):
        ask(host, "delete from orders where id > 300")
    if "ReadReplicaSourceDBInstanceIdentifier" not in instance("rds-copy"):
        remove("rds-copy")
        copied = {"SourceDBInstanceIdentifier": "rds-shop"}
        copied["AvailabilityZone"] = "us-west-2c"
        make = rds.create_db_instance_read_replica
        make(**copied, DBInstanceIdentifier="rds-copy")
    wait_for("rds-copy")


# %%
def evening():
    """No standby any more, and both writers in the AZ that is returned."""
    mend()
    off = {"DBInstanceIdentifier": "rds-shop", "MultiAZ": False}
    rds.modify_db_instance(**off, ApplyImmediately=True)
    wait_for("rds-shop")
    zone = instance("rds-shop")["AvailabilityZone"]
    twin = "aurora-1" if zone == "us-west-2a" else "aurora-2"
    if ask(AURORA, "select aurora_db_instance_identifier()") != [(twin,)]:
        rds.failover_db_cluster(
            DBClusterIdentifier="aurora-shop",
            TargetDBInstanceIdentifier=twin,
        )
        rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="aurora-shop")
        wait_for("aurora-1", "aurora-2")  # the old writer comes back as a reader
    print("Both shops write in", zone)
    return zone


zone = evening()

# %% [markdown]
# At night two AZs fail, one after the other. First `us-west-2c`, with `rds-copy` and `aurora-3` in it. Both shops sell
# 100 orders more, all confirmed. Then the writers' AZ fails. Then `us-west-2c` comes back, and whoever is there is
# promoted.
#
# **Predict.** How many of the 100 confirmed orders are missing afterwards, in rds-copy and in Aurora?
#
# - **a** 0 and 0
# - **b** 100 and 0
# - **c** 100 and 100

# %% predict="02.4"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("02.4", choice)

# %% [markdown]
# `missing` counts what a database has not.


# %%
def missing(host, first, last):
    query = "select %s - count(*) from orders where id between %s and %s"
    try:
        return ask(host, query, last - first + 1, first, last)[0][0]
    except psycopg.Error as error:
        return print("Nobody answers. Is an AZ still out?", error)


# %% [markdown]
# ### 02.4 The night
#
# 1. `lab.fault("az", "us-west-2c")`
# 2. Take orders 301 to 400 in both shops (`SHOP`, `AURORA`).
# 3. `lab.fault("az", zone)`
# 4. `lab.fault("az", "us-west-2c", "undo")`
# 5. Aurora promotes a reader by itself. RDS does not: promote `rds-copy` by hand, with
#    `rds.promote_read_replica(DBInstanceIdentifier=...)` (CLI: `promote-read-replica`; in the console an action of the
#    replica). Wait for it: `wait_for("rds-copy")`.
# 6. Keep `missing(...)` of these orders in `rds_lost` (ask `COPY`) and `aurora_lost` (ask `AURORA`).

# %% exercise="02.4"
rds_lost, aurora_lost = ..., ...
### BEGIN SOLUTION
lab.fault("az", "us-west-2c")
take_orders(SHOP, 301, 400)
take_orders(AURORA, 301, 400)
lab.fault("az", zone)
print(lab.fault("az", "us-west-2c", "undo"))
rds.promote_read_replica(DBInstanceIdentifier="rds-copy")
wait_for("rds-copy")
rds_lost = missing(COPY, 301, 400)
aurora_lost = missing(AURORA, 301, 400)
### END SOLUTION
print("missing in rds-copy:", rds_lost, "missing in Aurora:", aurora_lost)

# %% check="02.4"
lab.check("02.4")

# %% [markdown]
# `rds-copy` was promoted with what it had received on its own disk. In Aurora the orders were on storage nodes in
# several AZs before they were confirmed [1.3]; the reader that was promoted has the volume, whatever it had seen
# before [4.7]. (With two AZs out it had to wait for more storage nodes. Lesson 04 tells how many.)
#
# With its standby, rds-shop would have failed over and lost nothing: that copy is synchronous [4.1]. A read replica is
# for reading. It is no standby [4.7].

# %% [markdown] tags=["instructor"]
# **02.4, 9 minutes.** The centre of the lesson. Be fair to RDS: with Multi-AZ it would have lost nothing. What loses is
# the replica taken for a standby. Ask what 100 confirmed orders are worth, and what the standby costs.

# %% [markdown]
# ## 5 · The morning
#
# Meanwhile the till sells on, at `rds-copy`. In the morning the failed AZ comes back, and with it `rds-shop`.

# %%
take_orders(COPY, 401, 410)
print("rds-copy lacks", missing(COPY, 301, 410), "of the orders 301 to 410")

# %% [markdown]
# **Predict.** What does rds-shop do when it is back?
#
# - **a** it sends the 100 orders to rds-copy
# - **b** it follows rds-copy now, as a replica
# - **c** neither: they are two databases

# %% predict="02.5"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("02.5", choice)

# %% [markdown]
# ### 02.5 Repair it
#
# 1. Bring the AZ back: `lab.fault("az", zone, "undo")`. Wait for `rds-shop`, and ask both what they miss of the
#    orders 301 to 410.
# 2. The shop is `rds-copy` now. Bring the 100 lost orders into it, each with the moment (`at`) at which it was really
#    taken. Leave rds-shop as it is: it is the evidence.
#
# `ask` returns rows, and takes values: `ask(host, "insert into orders values (%s, %s)", 1, at)`.

# %% exercise="02.5"
### BEGIN SOLUTION
lab.fault("az", zone, "undo")
wait_for("rds-shop")
print("rds-shop lacks", missing(SHOP, 301, 410), "rds-copy lacks", missing(COPY, 301, 410))
for row in ask(SHOP, "select id, at from orders where id between 301 and 400"):
    ask(COPY, "insert into orders values (%s, %s)", *row)
### END SOLUTION
print("rds-copy lacks", missing(COPY, 301, 410))

# %% check="02.5"
lab.check("02.5")

# %% [markdown]
# Here you were lucky: no number was given twice. And Aurora? Nothing to repair. Its old writer came back by itself, as
# a reader of the same volume.

# %%
wait_for("aurora-1", "aurora-2", "aurora-3")
print("Aurora lacks", missing(READERS, 301, 400))
lab.map("aurora-shop")

# %% [markdown]
# ## 6 · Choose, and prove it
#
# The owner asks for this:
#
# - **two machines** to pay, not three
# - reports run on the second one, all day
# - when the AZ of the one that writes fails, the shop goes on **by itself**, without a lost order
#
# **Predict.** Which of these does all three?
#
# - **a** RDS with a standby
# - **b** RDS with a read replica
# - **c** Aurora with a reader

# %% predict="02.6"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("02.6", choice)

# %% [markdown]
# ### 02.6 Prove it
#
# You have measured that the standby answers no reads, and what a promoted replica loses. Now prove the third:
#
# 1. Remove one of Aurora's readers: `remove("...")`. The map says who reads.
# 2. Run 20 reports on the other: `reports = answers(READERS)`.
# 3. Take orders 601 to 800 by `AURORA`. Half way the AZ of the **writer** fails:
#    `partial(lab.fault, "az", ...)`. Keep the longest wait in `gap`.
# 4. Bring that AZ back.

# %% exercise="02.6"
reports, gap = ..., ...
### BEGIN SOLUTION
writer = ask(AURORA, "select aurora_db_instance_identifier()")[0][0]
away = instance(writer)["AvailabilityZone"]
remove(next(name for name in ("aurora-1", "aurora-2", "aurora-3") if name != writer))
reports = answers(READERS)
gap = take_orders(AURORA, 601, 800, partial(lab.fault, "az", away))
lab.fault("az", away, "undo")
### END SOLUTION
print("reports:", reports, "gap:", gap, "s; missing:", missing(AURORA, 601, 800))

# %% check="02.6"
lab.check("02.6")

# %% [markdown]
# | | RDS standby | RDS read replica | Aurora reader | you saw it in |
# |---|---|---|---|---|
# | data | a copy, synchronous [4.1] | a copy, asynchronous [4.5] | the volume [4.7] | 02.2 |
# | reads | none [4.1] | yes [4.5] | yes [4.7] | 02.2 |
# | takes over | yes [4.2] | only by hand | yes [4.7] | 02.3, 02.4 |
# | rows lost | none | what it has not received | none [4.7] | 02.3, 02.4, 02.6 |

# %% [markdown]
# One Aurora reader does the work of both. So in Aurora availability and reading grow together. RDS Multi-AZ costs
# twice the instance and the storage; in Aurora you pay a second instance [4.17].

# %% [markdown]
# ## 7 · A third thing
#
# A **Multi-AZ DB cluster** is made by `CreateDBCluster`, as Aurora is. Is it Aurora? No: an RDS product [4.4]. It has a
# writer and two standbys that can be read, and a commit waits for at least one of them [4.3]. Its failover typically
# takes under 35 s [4.3]. The storage is paid three times [4.17].
#
# Look at the engine, and you know what you have: `postgres` is RDS, `aurora-postgresql` is Aurora [1.20]. This lab
# has no Multi-AZ DB cluster, and says so:

# %%
tried(
    partial(
        rds.create_db_cluster,
        DBClusterIdentifier="third-shop",
        Engine="postgres",
        DBClusterInstanceClass="db.r6g.large",
        AllocatedStorage=100,
        **LOGIN,
    )
)

# %% [markdown]
# ## Clean up
#
# RDS: each instance. Aurora: the instances, and then the cluster.

# %%
OURS = {"rds-shop", "rds-copy", "aurora-1", "aurora-2", "aurora-3"}
for zone in ("us-west-2a", "us-west-2b", "us-west-2c"):
    lab.fault("az", zone, "undo")
for item in rds.describe_db_instances()["DBInstances"]:
    name = item["DBInstanceIdentifier"]
    if name in OURS:
        remove(name)
        print(name, "is removed")
ours = {"Filters": [{"Name": "db-cluster-id", "Values": ["aurora-shop"]}]}
if rds.describe_db_clusters(**ours)["DBClusters"]:
    rds.delete_db_cluster(DBClusterIdentifier="aurora-shop", SkipFinalSnapshot=True)
    rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="aurora-shop")
lab.progress()

# %% [markdown]
# ## Optional: the same on AWS
#
# The next cells use a real AWS account and cost money. They do nothing until you ask for them: remove the `#` in the
# first one and name a profile from your `~/.aws` folder. They open a session of their own.
#
# `aurora-lab aws plan 02`, in a terminal, says what they make and what it costs. All of it carries the tags
# `made-by=aurora-lab`, the lesson, and when it expires. The last cell removes all that carries the first tag, and so
# does `aurora-lab aws teardown`, also when this notebook is gone.
#
# What the lab could not tell: how long does each failover take on real machines?

# %% tags=["real-aws"]
# lab.use_real_aws("my-profile")

# %% tags=["real-aws"]
# %%real_aws 02 | 1 RDS Multi-AZ db.t4g.medium 20 GB | 2 Aurora db.t4g.medium
import secrets

real = lab.aws.rds
OWNER = {"MasterUsername": "baker", "MasterUserPassword": secrets.token_urlsafe(20)}
MACHINE = {"DBInstanceClass": "db.t4g.medium", "PubliclyAccessible": False}
real.create_db_instance(
    DBInstanceIdentifier="aurora-lab-02-rds",
    Engine="postgres",
    EngineVersion=lab.aws.engine_version("postgres"),
    AllocatedStorage=20,
    StorageType="gp3",
    MultiAZ=True,
    Tags=lab.aws.tags,
    **MACHINE,
    **OWNER,
)

# %% tags=["real-aws"]
# %%real_aws
real.create_db_cluster(
    DBClusterIdentifier="aurora-lab-02",
    Engine="aurora-postgresql",
    EngineVersion=lab.aws.engine_version(),
    Tags=lab.aws.tags,
    **OWNER,
)
for name in ("aurora-lab-02-1", "aurora-lab-02-2"):
    real.create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier="aurora-lab-02",
        Engine="aurora-postgresql",
        Tags=lab.aws.tags,
        **MACHINE,
    )
for name in ("aurora-lab-02-1", "aurora-lab-02-2", "aurora-lab-02-rds"):
    real.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)

# %% [markdown]
# That took some minutes. Now fail both over, and read in the event logs when each began and when it was completed.
# (Nobody can connect from outside; the events need no connection.) Does it fit 60 to 120 s [4.2] and usually under 60 s
# [4.8]?

# %% tags=["real-aws"]
# %%real_aws
real.reboot_db_instance(DBInstanceIdentifier="aurora-lab-02-rds", ForceFailover=True)
real.failover_db_cluster(DBClusterIdentifier="aurora-lab-02")


def failover_events(kind, name):
    """What the log says; waits until it is completed, for ten minutes at most."""
    for _ in range(60):
        found = real.describe_events(SourceType=kind, SourceIdentifier=name, Duration=60)
        events = [event for event in found["Events"] if "failover" in event["Message"]]
        if any("ompleted" in event["Message"] for event in events):
            break
        time.sleep(10)
    return events


for kind, name in (("db-instance", "aurora-lab-02-rds"), ("db-cluster", "aurora-lab-02")):
    for event in failover_events(kind, name):
        print(name, event["Date"].strftime("%H:%M:%S"), event["Message"])

# %% tags=["real-aws"]
# %%real_aws
lab.aws.remove_everything()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | a standby that each commit waits for, and nobody reaches | machines, disks and AZs | EBS disks [4.6] |
# | a replica that falls behind, and what its promotion loses | an AZ that fails: its servers are killed | how often that happens |
# | every commit in Aurora waits for 4 of 6 log copies | a reader has pages of its own, and first copies them | a reader needs no copy [4.7] |
# | which call fails over what, and the events | the gaps: no use for a comparison | 60 to 120 s [4.2]; often under 30 s [4.8] |
# | | the storage size: noted only | the bill |

# %% [markdown]
# ## One more question
#
# In 02.2 you read by Aurora's reader endpoint, and there were soon two readers behind it. Which of them answered, and
# who decided that? In lesson 03 you take the endpoints apart.
