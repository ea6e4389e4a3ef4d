# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "01"
#     title: What Aurora is
#     minutes: 45
#     objectives:
#       - say which problem Aurora solves, and show it with a crash that loses nothing
#       - tell what is compute and what is storage in a cluster, and take one away from the other
#       - say who may write, who takes over, and how few instances survive the loss of an AZ
#       - place Serverless v2, Global Database and DSQL
#     when_late: Leave out 01.2 and 01.3. The rest does not need them.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] picture="01_two_ways.png"
# ## What is the problem?
#
# <img src="attachment:01_two_ways.png" width="760" alt="Left: a primary and a standby, each with its own copy
# of the data. Right: a writer and two readers on one cluster volume">
#
# A bakery takes orders in a database. On the left, as databases have been for long: who computes also holds the data.
# A second machine needs a second copy, which somebody must make and keep up to date.
#
# On the right, Aurora. In this lesson you take it apart, one piece after the other, and look what is left.
#
# Begin with the login that the cluster will have.

# %%
import os
import time
from threading import Thread

import boto3
import psycopg

from aurora_lab import lab

os.environ.update(PGUSER="baker", PGPASSWORD="fresh-bread-1", PGDATABASE="bakery")
rds = boto3.client("rds")

# %% [markdown]
# Three small tools, so that you type less. What they call you know from lesson 00.


# %%
def add(name, zone, size="db.t4g.medium"):
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        AvailabilityZone=zone,
        DBInstanceClass=size,
        DBClusterIdentifier="bakery",
        Engine="aurora-postgresql",
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)


def remove(name):
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
    rds.delete_db_instance(DBInstanceIdentifier=name)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)


def instances():
    of_the_bakery = [{"Name": "db-cluster-id", "Values": ["bakery"]}]
    found = rds.describe_db_instances(Filters=of_the_bakery)["DBInstances"]
    return {item["DBInstanceIdentifier"]: item for item in found}


# %% [markdown]
# Now a cluster with one instance, in the availability zone (AZ) `us-west-2a`.

# %%
rds.create_db_cluster(
    DBClusterIdentifier="bakery",
    Engine="aurora-postgresql",
    DatabaseName="bakery",
    MasterUsername="baker",
    MasterUserPassword="fresh-bread-1",
)
add("bakery-1", "us-west-2a")
lab.map()

# %% [markdown]
# Two names to reach it by, and a table. Each order notes when it came and which instance took it.
#
# A line that begins with `!` finds in `$TABLE` what `os.environ["TABLE"]` holds. Put a long statement of your own there
# too: a Python variable in the same line as `$WRITER` is not filled in.

# %%
cluster = rds.describe_db_clusters(DBClusterIdentifier="bakery")["DBClusters"][0]
os.environ.update(WRITER=cluster["Endpoint"], READER=cluster["ReaderEndpoint"])
os.environ["TABLE"] = """create table orders (
  id integer primary key,
  at timestamptz default clock_timestamp(),
  taken_by text default aurora_db_instance_identifier())"""
# !psql -h "$WRITER" -c "$TABLE"

# %% [markdown]
# ## 1 · Pull the plug
#
# This is the shop's till. It inserts orders one by one, and goes on only when the database has confirmed one. A lost
# connection it makes again, and sends the same order once more. Half way it may cause a `fault` in the lab.


# %%
TAKE = "insert into orders values (%s) on conflict do nothing"
PATIENCE = 15  # seconds


def take_orders(first, last, fault=None):
    """Take orders; half way, cause a fault. Returns the longest wait in seconds."""
    shop, longest, since = None, 0.0, time.monotonic()
    for number in range(first, last + 1):
        if fault and number == (first + last) // 2:
            Thread(target=lambda: print(lab.fault(*fault.split()))).start()
        while True:
            try:
                shop = shop or psycopg.connect(host=os.environ["WRITER"], autocommit=True)
                shop.execute(TAKE, [number])
                break
            except psycopg.Error as error:
                shop = None
                if time.monotonic() - since > PATIENCE:
                    return print(f"Nobody takes order {number}. {error}")
                time.sleep(0.1)
        longest, since = max(longest, time.monotonic() - since), time.monotonic()
        time.sleep(0.01)
    print(f"Orders {first} to {last} are confirmed. The longest wait was {longest:.1f} s.")
    return round(longest, 1)


# %% [markdown]
# **Predict.** While orders come in, the server of your only instance is killed: no warning, no goodbye. How many
# *confirmed* orders are missing afterwards?
#
# - **a** all: it was the only copy
# - **b** those of the last second, not yet on disk
# - **c** none

# %% predict="01.1"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("01.1", choice)

# %% [markdown]
# ### 01.1 Crash, and count
#
# 1. Take orders 1 to 200, with the fault `"instance bakery-1"`. Keep the longest wait in `wait`.
# 2. Count in SQL how many of these 200 are *not* in the table. Keep what psql prints in `missing`: as in lesson 00,
#    `missing = !psql ...`, and `-At` for the bare value.

# %% exercise="01.1"
wait, missing = ..., ...
### BEGIN SOLUTION
wait = take_orders(1, 200, fault="instance bakery-1")
# missing = !psql -h "$WRITER" -Atc "select 200 - count(*) from orders where id <= 200"
### END SOLUTION
print("waited", wait, "seconds; missing:", missing)

# %% check="01.1"
lab.check("01.1")

# %% [markdown] tags=["instructor"]
# **01.1, 8 minutes.** Ask for a show of hands before anyone runs it: most say b. If somebody objects that any
# PostgreSQL survives a `kill`, they are right, and 01.4 is for them: there the whole instance goes. Leave the word
# "quorum" to lesson 04.

# %% [markdown]
# A confirmed order is in the cluster volume: on storage nodes in more than one AZ, before the database says yes [1.4]. The
# machine that crashed held nothing that was not there.
#
# ## 2 · Two engines
#
# `psycopg` and `psql` are PostgreSQL's own tools. Nothing in them knows Aurora.

# %%
# !psql -h "$WRITER" -c "select substr(version(), 1, 16) as version, aurora_version()"

# %% [markdown]
# Aurora is MySQL-compatible **and** PostgreSQL-compatible. A colleague has a script that makes a table of customers.
# It comes from MySQL.
#
# **Predict.** What does your cluster do with it?
#
# - **a** it runs: Aurora understands both
# - **b** a syntax error: this cluster speaks PostgreSQL only
# - **c** it is translated, with a warning

# %% predict="01.2"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("01.2", choice)

# %% [markdown]
# ### 01.2 Find the mistakes
#
# Run the script as it is, read what psql says, and mend it. In the end the table `customers` numbers its rows by
# itself, in the column `id`, and Ada and Grace are in it.

# %% exercise="01.2"
os.environ["SCRIPT"] = """
create table `customers` (id int auto_increment primary key, name varchar(40));
insert into `customers` (name) values ('Ada'), ('Grace');
"""
### BEGIN SOLUTION
os.environ["SCRIPT"] = """
create table customers (
  id integer generated always as identity primary key, name varchar(40));
insert into customers (name) values ('Ada'), ('Grace');
"""
### END SOLUTION
# !psql -h "$WRITER" -c "$SCRIPT"

# %% check="01.2"
lab.check("01.2")

# %% [markdown]
# ## 3 · What you do not do
#
# In 01.1 the server came back. Who started it? The event log of the instance knows.

# %%
found = rds.describe_events(SourceType="db-instance", SourceIdentifier="bakery-1")
for event in found["Events"]:
    print(event["Date"].strftime("%H:%M:%S"), event["Message"])
cluster = rds.describe_db_clusters(DBClusterIdentifier="bakery")["DBClusters"][0]
for name in (
    "BackupRetentionPeriod",
    "LatestRestorableTime",
    "PreferredMaintenanceWindow",
    "AutoMinorVersionUpgrade",
    "StorageEncryptionType",
):
    print(f"{name:27} {cluster[name]}")

# %% [markdown]
# You asked for none of these. This is what **managed** means: a crash is answered by a restart [4.14]. Backups go to
# S3 all the time [11.1]: you may go back to any second until `LatestRestorableTime` [11.2]. And the storage is
# encrypted: `sse-rds` is a key of AWS's own [11.11] [11.12]. A KMS key of yours is chosen when a cluster is made [11.13].
#
# **Predict.** The owner wants to save money. Can she turn the backups off, with a retention of 0 days?
#
# - **a** yes
# - **b** no
# - **c** yes, once there is a reader

# %% predict="01.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("01.3", choice)

# %%
# !aws rds modify-db-cluster --db-cluster-identifier bakery --backup-retention-period 0

# %% [markdown]
# ### 01.3 Change what is yours to change
#
# She settles for the opposite: she wants to be able to go back **seven days**. And AWS may do its maintenance on
# **Mondays**, from 3 to 4 o'clock (UTC), when the shop is shut. Both are settings of the cluster: one call of
# `rds.modify_db_cluster` (or `aws rds modify-db-cluster`).

# %% exercise="01.3"
### BEGIN SOLUTION
rds.modify_db_cluster(
    DBClusterIdentifier="bakery",
    BackupRetentionPeriod=7,
    PreferredMaintenanceWindow="Mon:03:00-Mon:04:00",
)
### END SOLUTION
cluster = rds.describe_db_clusters(DBClusterIdentifier="bakery")["DBClusters"][0]
print(cluster["BackupRetentionPeriod"], "day(s);", cluster["PreferredMaintenanceWindow"])

# %% check="01.3"
lab.check("01.3")

# %% [markdown]
# ## 4 · Take the computer away
#
# A crash is one thing. Now delete `bakery-1`, the only instance, as if it had never been.
#
# **Predict.** Where are the 200 orders then?
#
# - **a** gone with the instance
# - **b** in last night's backup, to be restored
# - **c** where they were; only nobody can read them

# %% predict="01.4"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("01.4", choice)

# %% [markdown]
# ### 01.4 Another computer
#
# 1. Delete `bakery-1`, and wait until it is gone. What is left? `print(lab.map())` draws the map also in the
#    middle of a cell.
# 2. Make `bakery-2`, in the AZ `us-west-2b`.
# 3. Count the orders through `$WRITER`.
#
# You have `remove("...")` and `add("...", "...")`.

# %% exercise="01.4"
### BEGIN SOLUTION
remove("bakery-1")
print(lab.map())
add("bakery-2", "us-west-2b")
# !psql -h "$WRITER" -c "select taken_by, count(*) from orders group by 1"
### END SOLUTION

# %% check="01.4"
lab.check("01.4")

# %%
lab.map()

# %% [markdown] tags=["instructor"]
# **01.4, 6 minutes.** The centre of the lesson. Let them say what the two lines `taken_by` and `bakery-2` mean
# together: an instance that has never seen an order reads 200 that another one took. Who is late stops after 01.4 and
# goes on with 01.7.

# %% [markdown]
# **Storage and compute are apart.** `bakery-2` stands in another AZ, and was handed no copy and no backup. It opened
# the volume that belongs to the cluster [1.1].
#
# ## 5 · How many copies?
#
# On AWS nobody sees the storage nodes. The lab shows them: each keeps a copy of the log of all changes, and `scl`
# says how far it reaches.

# %%
# !psql -h "$WRITER" -c "select * from aurora_lab_storage_nodes()"

# %% [markdown]
# **Predict.** Soon you add two readers. How many copies are there with one instance, and how many with three?
#
# - **a** 1, then 3
# - **b** 6, then 6
# - **c** 6, then 18

# %% predict="01.5"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("01.5", choice)

# %% [markdown]
# ### 01.5 Measure it
#
# 1. Count the copies with SQL; keep what psql prints in `before`.
# 2. Add two readers: `bakery-3` in `us-west-2c`, and `bakery-4` in `us-west-2a`.
# 3. Count again; keep it in `after`.
#
# To count once more later, leave out the lines that add: the readers are there then.

# %% exercise="01.5"
before, after = ..., ...
### BEGIN SOLUTION
os.environ["COUNT"] = "select count(*) from aurora_lab_storage_nodes()"
# before = !psql -h "$WRITER" -Atc "$COUNT"
add("bakery-3", "us-west-2c")
add("bakery-4", "us-west-2a")
# after = !psql -h "$WRITER" -Atc "$COUNT"
### END SOLUTION
print("copies before:", before, "after:", after)
lab.map()

# %% check="01.5"
lab.check("01.5")

# %% [markdown]
# The number of copies does not depend on the number of instances [1.2]. Nor does the bill for storage: of the six
# copies one is paid, $0.10 for a GB and month (us-east-1, 2026-07) [8.1].
#
# ## 6 · One writer, many readers
#
# Three instances, one volume. A colleague wants to sell three times as much bread: his script sends each order to the
# next instance. And since all of them can read, it reads by the name that he had first: `$WRITER`.
#
# **Predict.** How many of his 30 orders are stored?
#
# - **a** 30: the readers pass theirs on
# - **b** 10
# - **c** 30, but each instance shows its own 10

# %% predict="01.6"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("01.6", choice)

# %% [markdown]
# ### 01.6 Mend his script
#
# Run it as it is. Then change its first two lines, so that all 30 orders are stored, and all 30 guests are answered
# by readers; also tomorrow, when an instance has been replaced. `to_write` stays a list of host names, and `to_read` one
# host name.

# %% exercise="01.6"
to_write = [item["Endpoint"]["Address"] for item in instances().values()]
to_read = os.environ["WRITER"]
### BEGIN SOLUTION
to_write = [os.environ["WRITER"]]
to_read = os.environ["READER"]
### END SOLUTION
refused = []
for number in range(301, 331):
    try:
        with psycopg.connect(host=to_write[number % len(to_write)]) as shop:
            shop.execute(TAKE, [number])
    except psycopg.Error as error:
        refused.append(error)
answered = []
for _ in range(30):
    with psycopg.connect(host=to_read) as guest:
        answered += guest.execute("select aurora_db_instance_identifier()").fetchone()
print("stored:", 30 - len(refused), *refused[:1])
print("read from:", {name: answered.count(name) for name in answered})

# %% check="01.6"
lab.check("01.6")

# %% [markdown]
# A cluster has one writer and up to 15 readers [1.1]. More readers serve more reading; writing stays with one. That
# is the price of the simplicity: one writer hands out the order of all changes, so nobody has to vote on it [2.20].
#
# ## 7 · The writer dies again
#
# This time there are readers. They follow the writer **asynchronously** [1.3]: here is how far behind they are. The row
# with `MASTER_SESSION_ID` is the writer's, which has no lag [7.31]; and while nobody writes, the readers have nearly none.

# %%
os.environ["LAG"] = """select server_id, session_id = 'MASTER_SESSION_ID' as writer,
  replica_lag_in_msec from aurora_replica_status()"""
# !psql -h "$WRITER" -c "$LAG"

# %% [markdown]
# **Predict.** Say a reader is 20 ms behind when the writer dies, and is promoted. What of the orders that were
# confirmed in these 20 ms?
#
# - **a** lost: the reader never had them
# - **b** there
# - **c** there once the old writer is repaired

# %% predict="01.7"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("01.7", choice)

# %% [markdown]
# ### 01.7 Measure the gap
#
# 1. Write down a number: for how many seconds will nobody take an order?
# 2. Put the writer's name into `who`. `aurora_db_instance_identifier()`, asked through `$WRITER`, tells it.
# 3. Take orders 501 to 700, and kill this instance half way. Keep the longest wait in `gap`.
# 4. Count the missing ones of these 200 with SQL; keep what psql prints in `missing`.

# %% exercise="01.7"
who, gap, missing = ..., ..., ...
### BEGIN SOLUTION
# who = !psql -h "$WRITER" -Atc "select aurora_db_instance_identifier()"
gap = take_orders(501, 700, fault=f"instance {who[0]}")
os.environ["MISSING"] = "select 200 - count(*) from orders where id between 501 and 700"
# missing = !psql -h "$WRITER" -Atc "$MISSING"
### END SOLUTION
print("gap:", gap, "seconds; missing:", missing)
# !psql -h "$WRITER" -c "select taken_by, count(*) from orders where id > 500 group by 1"
lab.map()

# %% check="01.7"
lab.check("01.7")

# %% [markdown] tags=["instructor"]
# **01.7, 7 minutes.** Write the guesses of the room on the board before step 2. On AWS the gap is often under 30 s
# [4.8]; here it is about a second, because nothing has to be detected over a network. Let somebody explain why
# the reader's lag does not matter: it is the lag of a cache, and the log is in the volume.

# %% [markdown]
# What a reader lags behind with is its page cache [1.15]. The log of every confirmed order is in the volume, and the
# reader that is promoted has the volume [2.40]. Here that took a second; on AWS usually under 60 s, often under 30
# [4.8].
#
# ## 8 · As cheap as possible
#
# On AWS each instance is paid by itself, a second one as much as the first [4.17]. The owner asks for the **fewest**
# instances with which the shop goes on selling when a whole AZ fails at night, and nobody is awake.
#
# **Predict.**
#
# - **a** 1: Aurora starts it again in another AZ
# - **b** 2, in two AZs
# - **c** 3, one in each AZ

# %% predict="01.8"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("01.8", choice)

# %% [markdown]
# ### 01.8 Prove it
#
# 1. Remove what she need not pay for, and put the writer's name into `who`, as in 01.7.
# 2. Take orders 801 to 1000. Half way let the **writer's** AZ fail: the fault `"az us-west-2a"`, or whichever it is.
#    Keep the longest wait in `gap`.
# 3. Bring the AZ back: `lab.fault("az", "us-west-2a", "undo")`.
#
# The next cell lists who is in which AZ, and its map shows who writes.

# %%
for name, item in instances().items():
    print(name, item["AvailabilityZone"])
lab.map()

# %% exercise="01.8"
who, gap = ..., ...
### BEGIN SOLUTION
zones = {name: item["AvailabilityZone"] for name, item in instances().items()}
# who = !psql -h "$WRITER" -Atc "select aurora_db_instance_identifier()"
remove(next(name for name in zones if name != who[0]))
gap = take_orders(801, 1000, fault=f"az {zones[who[0]]}")
lab.fault("az", zones[who[0]], "undo")
### END SOLUTION
print("gap:", gap, "seconds")
# !psql -h "$WRITER" -c "select taken_by, count(*) from orders where id > 800 group by 1"

# %% check="01.8"
lab.check("01.8")

# %% [markdown]
# ## Hosted, or built for the cloud?
#
# | hosted: a PostgreSQL with a standby (RDS Multi-AZ) | Aurora | you saw it in |
# |---|---|---|
# | each machine has storage of its own [4.6] | one volume over three AZs [1.2] | 01.4 |
# | a second machine is a second copy of the data [4.17] | it needs no copy [4.7] | 01.5 |
# | the standby serves no reads [4.1] | a reader serves reads, and takes over [4.7] | 01.6, 01.7 |
# | you provision the storage [4.6] | you pay for what is used [4.6] | 01.5 |
#
# The SQL, the drivers and the errors stay those of PostgreSQL. What changed is below them.

# %% [markdown]
# ## 9 · The variants, and where they belong
#
# | variant | what it is | lesson |
# |---|---|---|
# | Serverless v2 ("Aurora serverless") | an instance class: `db.serverless` [5.1] | 06 |
# | Global Database | one primary Region, and up to 10 that only read [9.1]; storage copies itself there, mostly within a second [9.2] | 10 |
# | Aurora DSQL | a service of its own, PostgreSQL-like; no writer [10.1] [10.8] | 11 |
#
# **Predict.** The yearly report needs a strong reader for one night. What must move to use Serverless v2 for it?
#
# - **a** the data: into a serverless cluster
# - **b** the program: to another API
# - **c** nothing

# %% predict="01.9"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("01.9", choice)

# %% [markdown]
# ### 01.9 A reader of another kind
#
# Capacity is counted in ACUs; 1 ACU is about 2 GiB of memory with CPU to match [5.1].
#
# 1. Give the cluster a range of 0.5 to 8 ACU: `ServerlessV2ScalingConfiguration`, with `MinCapacity` and
#    `MaxCapacity`.
# 2. Add the instance `bakery-report` of the class `db.serverless`, in any AZ.
# 3. Let it count the orders, by its own host name: `instances()["bakery-report"]["Endpoint"]["Address"]`. Put that
#    into `os.environ["REPORT"]`, and psql finds it in `$REPORT`.

# %% exercise="01.9"
### BEGIN SOLUTION
rds.modify_db_cluster(
    DBClusterIdentifier="bakery",
    ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 8},
)
add("bakery-report", "us-west-2a", size="db.serverless")
os.environ["REPORT"] = instances()["bakery-report"]["Endpoint"]["Address"]
# !psql -h "$REPORT" -c "select taken_by, count(*) from orders group by 1"
### END SOLUTION
lab.map()

# %% check="01.9"
lab.check("01.9")

# %% [markdown]
# Instances of fixed size and serverless ones stand side by side on one volume. Storage and compute are apart: so you
# may choose the compute anew each day.
#
# ## Clean up
#
# Instances first, then the cluster: while it has one, it cannot be deleted. What would be left, and be paid for, if
# you forgot the second step?

# %%
for name in instances():
    remove(name)
rds.delete_db_cluster(DBClusterIdentifier="bakery", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="bakery")
lab.progress()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | servers that are killed | the machine around them | a machine |
# | a commit waits for 4 of 6 log copies | an AZ: two storage nodes and some servers | buildings |
# | a promoted reader has every confirmed order | it has pages of its own, and first copies them | a reader needs no copy [4.7] |
# | which instance writes, and what a reader refuses | the gap: a second or two | often under 30 s [4.8] |
# | the backup, from the storage nodes | it lies in a folder | S3 [11.1], bills |
# | the settings of 01.3 and 01.9 | encryption, ACUs: only noted | KMS, capacity that moves |

# %% [markdown]
# ## One more question
#
# Amazon RDS, too, is a managed PostgreSQL, with a standby in another AZ. It restarts, it backs up, it fails over. So
# what does Aurora do that RDS does not? In lesson 02 you do the same to both, side by side.
