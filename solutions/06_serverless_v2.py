# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "06"
#     title: Serverless v2
#     minutes: 45
#     objectives:
#       - choose a range of ACUs, and read the errors of those that are refused
#       - say how fast capacity comes, and read it from CloudWatch
#       - know what follows the maximum, what follows the writer, and what that costs
#       - say when a cluster pauses, what wakes it, what keeps it awake, and what a client must allow for
#       - compute the bill as an area, and tell when provisioned is cheaper
#     when_late: Leave out 06.3 and 06.6. The rest does not need them.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] picture="06_the_curve.png"
# ## Pay for the curve
#
# <img src="attachment:06_the_curve.png" width="760" alt="Capacity over a day: zero while paused, up at once when
# load comes, down in steps, never above the maximum; the area below is what is billed">
#
# A ferry sells tickets. Most of the day nobody asks; half an hour before it leaves, everybody does. An instance class
# has one size, day and night. An instance of the class `db.serverless` is as large as its load: it is measured in
# **ACUs** (Aurora capacity units), each about 2 GiB of memory and the CPU that goes with it [5.1].
#
# AWS now says "Aurora serverless" [13.17]; in the API it is `ServerlessV2`.

# %%
import os
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event, Thread

import boto3
import matplotlib.pyplot as plt
import psycopg

from aurora_lab import lab

os.environ.update(PGUSER="purser", PGPASSWORD="gang-way-16", PGDATABASE="ferry")
rds = boto3.client("rds")
cloudwatch = boto3.client("cloudwatch")
lab.clock(50)

# %%
MINUTE = lab.minute()  # how long a minute of AWS takes here, in seconds
print(MINUTE)

# %% [markdown]
# A minute of AWS takes about a second in this lesson: what takes five minutes there, you wait six seconds for.
#
# ## 1 · The range
#
# You set a smallest and a largest capacity for the **cluster**; each of its serverless instances moves in that
# range by itself [5.1]. `try_range` asks for a new cluster, and prints the error where there is one.


# %%
def try_range(name, **scaling):
    try:
        made = rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            DatabaseName="ferry",
            MasterUsername="purser",
            MasterUserPassword="gang-way-16",
            ServerlessV2ScalingConfiguration=scaling,
        )["DBCluster"]
        print("made:", made["ServerlessV2ScalingConfiguration"], made["EngineMode"])
        rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier=name)
    except rds.exceptions.ClientError as error:
        print("refused:", error.response["Error"]["Message"])


try_range("ferry", MinCapacity=0.3, MaxCapacity=8)
try_range("ferry", MinCapacity=0.5, MaxCapacity=0.5)
try_range("ferry", MinCapacity=8, MaxCapacity=4)

# %% [markdown]
# **Predict.** Now `MinCapacity=0.5, MaxCapacity=32, SecondsUntilAutoPause=600`. What happens?
#
# - **a** made; it will pause after 10 minutes without work
# - **b** made; the pause is ignored
# - **c** refused

# %% predict="06.1"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("06.1", choice)

# %% [markdown]
# ### 06.1 Choose a range
#
# 1. Try that range, under the name `ferry`, and read what comes.
# 2. Make the cluster `ferry` so that it **never pauses**, is **as small as it can be** when nobody asks, and can grow to
#    **32 GiB** of memory.
#
# If one was made with another range, delete it, and wait until it is gone:
# `rds.delete_db_cluster(DBClusterIdentifier="ferry", SkipFinalSnapshot=True)`, and then
# `rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="ferry")`.

# %% exercise="06.1"
### BEGIN SOLUTION
try_range("ferry", MinCapacity=0.5, MaxCapacity=32, SecondsUntilAutoPause=600)
try_range("ferry", MinCapacity=0.5, MaxCapacity=16)
### END SOLUTION

# %% check="06.1"
lab.check("06.1")

# %% [markdown]
# To pause, the minimum must be 0 [5.14]. And the engine mode is `provisioned`: `serverless` was version 1, which is
# gone [5.1] [5.23]. What makes an instance serverless is its **class**:


# %%
ours = [{"Name": "db-cluster-id", "Values": ["ferry"]}]


def fleet():
    found = rds.describe_db_instances(Filters=ours)["DBInstances"]
    return sorted(item["DBInstanceIdentifier"] for item in found)


def settle():
    """Wait until the cluster and all its instances are available."""
    rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="ferry")
    rds.get_waiter("db_instance_available").wait(Filters=ours)


# %%
def add(name, tier=1):
    """Make an instance, or give this tier to one that is there. The default is 1."""
    about = {"DBInstanceIdentifier": name, "PromotionTier": tier}
    try:
        rds.create_db_instance(
            DBClusterIdentifier="ferry",
            DBInstanceClass="db.serverless",
            Engine="aurora-postgresql",
            **about,
        )
    except rds.exceptions.DBInstanceAlreadyExistsFault:
        rds.modify_db_instance(ApplyImmediately=True, **about)
    settle()


# %%
if not rds.describe_db_clusters(Filters=ours)["DBClusters"]:
    try_range("ferry", MaxCapacity=16, MinCapacity=0.5)  # if you left out 06.1
add("ferry-1")
cluster = rds.describe_db_clusters(DBClusterIdentifier="ferry")["DBClusters"][0]
WRITER, READER = cluster["Endpoint"], cluster["ReaderEndpoint"]
with psycopg.connect(host=WRITER) as desk:
    desk.execute("""create table if not exists
        rush (began timestamptz, ended timestamptz, asked text)""")
lab.map()

# %% [markdown]
# ## 2 · A rush
#
# `rush` lets two passengers ask the database as hard as they can, until it has grown. `curve` asks CloudWatch for the
# capacity since a moment: a point each minute of AWS. `calm` waits until it is small again.

# %%
BURN = """do $$ declare ends timestamptz := clock_timestamp() + interval '0.4 s';
  begin while clock_timestamp() < ends loop perform sqrt(2); end loop; end $$"""


def passenger(host, done):
    try:
        with psycopg.connect(host=host, autocommit=True) as session:
            while not done.is_set():
                session.execute(BURN)
    except psycopg.Error as error:
        print("A passenger was told:", error)


# %%
def rush(host=None, seconds=5):
    """Two passengers ask the writer (or another host); returns when it began."""
    host, began, done = host or WRITER, datetime.now(UTC), Event()
    crowd = [Thread(target=passenger, args=(host, done)) for _ in range(2)]
    for thread in crowd:
        thread.start()
    time.sleep(seconds)
    for _ in range(60):  # on a busy machine it takes longer
        if any(acus > 0.5 for name in fleet() for _, acus in curve(name, began)):
            break
        time.sleep(0.5)
    done.set()
    for thread in crowd:
        thread.join()
    with psycopg.connect(host=WRITER) as desk:
        desk.execute("insert into rush values (%s, clock_timestamp(), %s)", [began, host])
    return began


# %%
def curve(name, since, statistic="Maximum", metric="ServerlessDatabaseCapacity"):
    """What CloudWatch has since a moment: seconds after it, and a value."""
    found = cloudwatch.get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName=metric,
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": name}],
        StartTime=since,
        EndTime=datetime.now(UTC) + timedelta(seconds=2),
        Period=1,  # on AWS 60: a minute is a minute there
        Statistics=[statistic],
    )["Datapoints"]
    return sorted(((p["Timestamp"] - since).total_seconds(), p[statistic]) for p in found)


def calm(*names):
    """Wait until CloudWatch shows a whole minute in which they were at most 0.5 ACUs."""
    asked = datetime.now(UTC) + timedelta(seconds=1)
    for _ in range(300):
        found = [curve(name, asked)[-1:] for name in names]
        if all(points and points[0][1] <= 0.5 for points in found):
            return
        time.sleep(0.2)
    print("Still not small:", names)


# %%
def show(began, *names):
    _, axes = plt.subplots(figsize=(9, 2.8), layout="constrained")
    for number, name in enumerate(names):
        points = curve(name, began)
        minutes = [0, *(at / MINUTE for at, _ in points)]
        style = "-" if number == 0 else "--" if number == 1 else ":"
        acus = [value for _, value in (*points[:1], *points)]
        axes.step(minutes, acus, style, where="pre", label=name, lw=2)
    axes.set(xlabel="minutes of AWS", ylabel="ACUs", ylim=(0, None))
    axes.legend(loc="upper right")
    plt.show()


# %% [markdown]
# **Predict.** The instance has 0.5 ACUs, the least. Now load comes that needs several times as much. When is it there?
#
# - **a** within a second, while the queries run
# - **b** in steps of 0.5, over minutes: that is the price of a low minimum
# - **c** when the running queries have ended

# %% predict="06.2"
choice = "?"
### BEGIN SOLUTION
choice = "a"
### END SOLUTION
lab.predict("06.2", choice)

# %% [markdown]
# ### 06.2 Measure it
#
# 1. `began = rush()`, then `calm("ferry-1")`.
# 2. `peak`: the highest ACUs that `curve("ferry-1", began)` shows.
# 3. `share`: what the metric `ACUUtilization` must have been at that peak, in percent. Say it **before** you ask: is it a
#    share of what the instance has, or of what it may have? The last lines draw the curve, and show the metric.

# %% exercise="06.2"
began = peak = share = ...
### BEGIN SOLUTION
began = rush()
calm("ferry-1")
peak = max(acus for _, acus in curve("ferry-1", began))
share = 100 * peak / 16
### END SOLUTION
if began is not ...:
    show(began, "ferry-1")
    print("peak", peak, "share", share)
    shares = [used for _, used in curve("ferry-1", began, metric="ACUUtilization")]
    print("ACUUtilization was at most", max(shares))

# %% check="06.2"
lab.check("06.2")

# %% [markdown]
# Up at once [5.5], in place, and down gradually [5.6]. `ACUUtilization` is a share of the **maximum** [5.21]: 100 % says
# that it has all that the range allows.
#
# "A low minimum means a slow ramp" was good advice until August 2026. A serverless cluster has a **platform version**,
# a new one the newest [5.4]. On 3 and 4, a scale-up now starts with up to 12 ACUs within a second [5.5]. Before, the
# step depended on what there was [5.6]. Here is the rule that the lab follows, for a load that needs 64:

# %%
from aurora_lab.models.serverless import State, bounds, next_second

figure, axes = plt.subplots(figsize=(9, 2.8), layout="constrained")
for platform, minimum in ((4, 0.5), (2, 8), (2, 0.5)):
    state, acus = State(minimum), []
    for _ in range(16):
        acus.append(state.acus)
        state = next_second(state, 64, bounds(minimum, 64, platform=platform))
    label = f"platform version {platform}, from {minimum:g}"
    axes.step(range(16), acus, where="post", label=label, lw=2)
axes.set(xlabel="seconds of AWS", ylabel="ACUs")
axes.legend(loc="lower right")
plt.show()
print("This cluster's platform version:", cluster["ServerlessV2PlatformVersion"])

# %% [markdown]
# (How large the older steps are, AWS does not say; these are the lab's.) An old cluster gets a new platform version by
# stop and start, or by Blue/Green (a copy of the cluster, to which you switch) [5.4].
#
# ## 3 · What does not move
#
# The number of connections that an instance accepts is set when it starts. It follows the **maximum** [5.11]:
#
# | maximum, ACUs | 1 | 4 | 8 | 16 | 32 and above |
# |---|---|---|---|---|---|
# | `max_connections` | 189 | 823 | 1,669 | 3,360 | 5,000 |


# %%
def limit():
    with psycopg.connect(host=WRITER) as desk:
        return int(desk.execute("show max_connections").fetchone()[0])


def give(minimum, maximum):
    scaling = {"MinCapacity": minimum, "MaxCapacity": maximum}
    rds.modify_db_cluster(
        DBClusterIdentifier="ferry",
        ServerlessV2ScalingConfiguration=scaling,
        ApplyImmediately=True,
    )
    settle()


def reboot():
    rds.reboot_db_instance(DBInstanceIdentifier="ferry-1")
    settle()


# %% [markdown]
# **Predict.** A new application will open up to 4,500 connections. You raise the maximum to 32: `give(0.5, 32)`, and
# then you reboot. What does `limit()` say?
#
# - **a** 5,000
# - **b** 2,000
# - **c** 3,360

# %% predict="06.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("06.3", choice)

# %% [markdown]
# ### 06.3 Forty-five hundred connections
#
# Find the smallest range of which `limit()` is 4,500 or more: the smallest maximum of the table, and the smallest
# minimum with it. Tools: `give`, `reboot`, `limit`.
#
# Look at `limit()` after each step, not only at the end.

# %% exercise="06.3"
### BEGIN SOLUTION
give(0.5, 32)
reboot()
print(limit(), "with a minimum of 0.5")
give(1, 32)
print(limit(), "with 1, before the reboot")
reboot()
### END SOLUTION
print("max_connections:", limit())

# %% check="06.3"
lab.check("06.3")

# %% [markdown]
# Two traps: with a minimum of 0 or 0.5 it is capped at 2,000; and it is static, so nothing changes before a
# reboot [5.11]. What it costs: a minimum of 1 instead of 0.5 is twice as much in each quiet hour.
#
# Back to the small range.

# %%
give(0.5, 16)
reboot()
print("max_connections:", limit())

# %% [markdown]
# ## 4 · Readers that follow
#
# Two readers come: `ferry-2` stays as the API makes it, of tier 1 [4.11]; `ferry-3` will get tier 15. Then passengers
# rush to the **writer**. Nobody asks a reader anything.
#
# **Predict.** Who grows?
#
# - **a** only `ferry-1`: each instance scales by its own load
# - **b** all three: the range is the cluster's
# - **c** `ferry-1` and `ferry-2`

# %% predict="06.4"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("06.4", choice)

# %%
FLEET = ("ferry-1", "ferry-2", "ferry-3")
for name in FLEET[1:]:
    add(name)
calm(*FLEET)  # a new instance has work to do

# %% [markdown]
# ### 06.4 Who follows whom?
#
# 1. Both have tier 1 now. `add("ferry-3", tier=15)` changes that of `ferry-3`.
# 2. A rush to the writer. Keep when it began in `began`. `calm` all three.
# 3. `peaks`: a dictionary with the highest ACUs of each of the three since then.

# %% exercise="06.4"
peaks = {}
### BEGIN SOLUTION
add("ferry-3", tier=15)
began = rush()
calm(*FLEET)
peaks = {name: max(acus for _, acus in curve(name, began)) for name in FLEET}
### END SOLUTION
if peaks:
    show(began, *FLEET)
print(peaks)

# %% check="06.4"
lab.check("06.4")

# %% [markdown]
# A reader of tier 0 or 1 has to be able to take over at once, so it is at least as large as the writer, always [5.8].
# The default tier is 1: whoever adds one reader without a thought pays twice [5.9]. A reader of tiers 2 to 15 follows
# its own load. It is the cheap one; promoted, it would have to grow first.

# %% [markdown] tags=["instructor"]
# **06.4, 6 minutes.** Ask who would take tier 15 for all readers, and what that means for lesson 08: after a failover
# the new writer begins small. With platform versions 3 and 4 that matters less [5.5].

# %% [markdown]
# ## 5 · Asleep
#
# With a minimum of 0, an instance that nobody is connected to is **paused**: after 300 seconds, unless you say
# otherwise [5.14]. Its capacity is then 0, and so is its price. The volume is still paid for [5.16].
#
# `diary` shows what the event log says of it; `until_asleep` waits.


# %%
def events(name):
    about = {"SourceIdentifier": name, "SourceType": "db-instance", "Duration": 24 * 60}
    found = rds.describe_events(**about)["Events"]
    return [(item["Date"], item["Message"]) for item in found]


def diary(*names):
    found = [(at, name, text) for name in names for at, text in events(name)]
    for at, name, text in sorted(found):
        if "pause" in text.lower() or "resume" in text.lower():
            print(at.strftime("%H:%M:%S"), name, text)


def until_asleep(*names, seconds=60):
    """Wait until they are paused; so long at most."""
    for _ in range(seconds * 5):
        last = {name: events(name)[-1][1] for name in names}
        if all("Successfully paused" in text for text in last.values()):
            return print("Asleep:", *names)
        time.sleep(0.2)
    return print("Not asleep after", seconds, "s:", last)


# %% [markdown]
# **Predict.** All sleep. Somebody tries the name `purser` with a **wrong password**. What happens?
#
# - **a** he is refused at once, and all sleep on
# - **b** he waits until an instance has resumed for him, and is then refused
# - **c** the connection times out: a paused instance cannot check a password

# %% predict="06.5"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("06.5", choice)

# %% [markdown]
# ### 06.5 Put it to sleep, and knock
#
# 1. Let the cluster pause: `give(0, 16)`, and `until_asleep(*FLEET)`.
# 2. Make a snapshot of `ferry`: `rds.create_db_cluster_snapshot`, with `DBClusterIdentifier`, and with `"night"` as
#    `DBClusterSnapshotIdentifier`. Does that wake anybody?
# 3. `said = knock("wrong")`, and `diary(*FLEET)`.


# %%
def knock(password="gang-way-16"):
    """Connect to the writer endpoint; what the answer was."""
    begun, answer = time.monotonic(), "welcome"
    try:
        psycopg.connect(host=WRITER, password=password).close()
    except psycopg.Error as error:
        answer = str(error).splitlines()[0].split("FATAL: ")[-1].strip()
    print(f"after {time.monotonic() - begun:.1f} s: {answer}")
    return answer


# %% exercise="06.5"
said = ...
### BEGIN SOLUTION
give(0, 16)
until_asleep(*FLEET)
rds.create_db_cluster_snapshot(
    DBClusterSnapshotIdentifier="night",
    DBClusterIdentifier="ferry",
)
said = knock("wrong")
diary(*FLEET)
### END SOLUTION

# %% check="06.5"
lab.check("06.5")

# %% [markdown]
# Any attempt wakes it, even a wrong password: the instance itself has to say no [5.17]. So a
# monitor that "only checks the connection" keeps a cluster awake. A snapshot does not wake it [5.17].
#
# Who woke up? The writer and its tier 1 reader, together. `ferry-3` slept on: a reader of tiers 2 to 15 may
# pause alone; to wake **it** would wake the writer first [5.19].
#
# ## 6 · Sleepless
#
# The ferry has three programs. Read them.


# %%
def website():
    with psycopg.connect(host=WRITER, application_name="website") as session:
        return session.execute("select count(*) from rush").fetchone()


class Tills:
    """The tills keep one connection, so that the next ticket is sold quickly."""

    def __init__(self):
        about = {"application_name": "tills", "autocommit": True}
        self.session = psycopg.connect(host=WRITER, **about)
        self.session.execute("select 1")

    def close(self):
        self.session.close()


def report():
    with psycopg.connect(host=WRITER, application_name="report") as session:
        return session.execute("select max(ended) from rush").fetchone()


tills = Tills()
print(website(), report())

# %% [markdown]
# **Predict.** It is evening. All three have done their last query, and nobody asks any more. When does `ferry-1`
# pause?
#
# - **a** 5 minutes after the last query
# - **b** never
# - **c** after 5 minutes; the connection of the tills is cut

# %% predict="06.6"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("06.6", choice)

# %%
time.sleep(8 * MINUTE)
diary("ferry-1")
SESSIONS = """select application_name, state, query from pg_stat_activity
  where backend_type = 'client backend' and usename = 'purser'"""
with psycopg.connect(host=WRITER, application_name="me") as desk:
    print(*desk.execute(SESSIONS), sep="\n")

# %% [markdown]
# ### 06.6 Let it sleep
#
# Eight minutes, and `ferry-1` is still awake.
#
# 1. `culprit`: the program that keeps it awake, as `"website"`, `"tills"` or `"report"`.
# 2. End its connection, and wait until `ferry-1` is asleep. Leave the time until the pause as it is.

# %% exercise="06.6"
culprit = ...
### BEGIN SOLUTION
culprit = "tills"
tills.close()
until_asleep("ferry-1")
### END SOLUTION

# %% check="06.6"
lab.check("06.6")

# %% [markdown]
# An open connection counts, also an idle one. So do others: RDS Proxy (a pool of AWS's between clients
# and cluster), logical replication, membership in a global database (lesson 10), zero-ETL (a copy for analysis that AWS
# keeps up to date) [5.18]. A connection pool that keeps idle connections, and a cluster that pauses, do not go
# together.
#
# ## 7 · The first in the morning
#
# To resume takes about 15 seconds on AWS, and 30 or more after a pause of over 24 hours [5.15]. That long the first
# client waits, if it can. `hang_up` cannot: it knocks, and goes away as soon as `ferry-1` begins to resume.


# %%
import asyncio


async def hang_up():
    """Knock, do not wait; returns when that was."""
    moment, before = datetime.now(UTC), len(events("ferry-1"))
    attempt = asyncio.create_task(psycopg.AsyncConnection.connect(host=WRITER))
    while len(events("ferry-1")) == before and not attempt.done():
        await asyncio.sleep(0.02)
    if attempt.cancel():
        print("gone before it was awake")
    else:
        await attempt.result().close()
        print("it was awake sooner than expected")
    return moment.isoformat()


# %% [markdown]
# **Predict.** The client gives up after 10 seconds, and nobody else knocks. Two minutes later, is the cluster awake?
#
# - **a** no: nobody waits any more, the resume is called off
# - **b** yes
# - **c** no: after a failed connection it stays paused until somebody starts it

# %% predict="06.7"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("06.7", choice)

# %% [markdown]
# ### 06.7 How patient must a client be?
#
# 1. It has to sleep first: `until_asleep("ferry-1")`. (Have you left out 06.6? Before that, `tills.close()`.)
# 2. `moment = await hang_up()`. Wait two minutes of AWS: `time.sleep(2 * MINUTE)`. Look: `diary("ferry-1")`. Then
#    `knock()`.
# 3. `timeout`: of the four `SETTINGS` (seconds, on AWS), the smallest with which the **first** attempt gets through on
#    a Monday, after a weekend without passengers.

# %% exercise="06.7"
SETTINGS = (5, 10, 20, 60)
moment = timeout = ...
### BEGIN SOLUTION
until_asleep("ferry-1")
moment = await hang_up()
time.sleep(2 * MINUTE)
diary("ferry-1")
knock()
timeout = 60
### END SOLUTION

# %% check="06.7"
lab.check("06.7")

# %% [markdown]
# A client that gives up has woken it all the same: the next attempt finds it awake. So there are two good clients: one
# that is patient, and one that tries again. In libpq and psycopg it is `connect_timeout`, in seconds.
#
# ## 8 · The bill
#
# Billed are ACU-hours, by the second [5.21]: the area below the curve. An ACU-hour is 0.12 dollars (us-east-1,
# 2026-07) [8.3]. A `db.r6g.large` has 16 GiB, as 8 ACUs have, for 0.26 dollars an hour (2026-07) [5.24].

# %%
DAYS = {  # from which hour on, how many ACUs; until hour 24
    "office": [(0, 0.5), (8, 8), (17, 0.5)],
    "night batch": [(0, 0.5), (2, 8), (4, 0.5)],
    "always 2": [(0, 2)],
    "always 2.5": [(0, 2.5)],
    "sleeps": [(0, 0), (10, 8), (16, 0)],
    "ferry": [(0, 0.5), (6, 2), (7, 6), (7.5, 1), (12, 6), (13, 1), (18, 0.5)],
}
figure, panels = plt.subplots(1, 6, figsize=(11, 2), sharey=True, layout="constrained")
for panel, (name, steps) in zip(panels, DAYS.items(), strict=True):
    hours, acus = zip(*[*steps, (24, steps[-1][1])], strict=True)
    panel.fill_between(hours, acus, step="post", alpha=0.6)
    panel.set(title=name, xticks=(0, 12, 24))
panels[0].set_ylabel("ACUs")
plt.show()

# %% [markdown]
# **Predict.** In the office, 8 ACUs are needed from 8 to 17 o'clock, and 0.5 in the other 15 hours. Which is cheaper?
#
# - **a** serverless: for 15 hours of the day it is next to nothing
# - **b** a `db.r6g.large`, day and night
# - **c** about the same

# %% predict="06.8"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("06.8", choice)

# %% [markdown]
# ### 06.8 Compute the area
#
# 1. Write the function `acu_hours(steps, end=24)`: it returns the area below the steps of a day, until hour `end`.
# 2. `cheaper`: the names of those days that cost less as serverless than a `db.r6g.large` costs in 24 hours. First
#    look at the pictures, and guess.

# %% exercise="06.8"
cheaper = []
# def acu_hours(steps, end=24): ...
### BEGIN SOLUTION


def acu_hours(steps, end=24):
    ends = [*[hour for hour, _ in steps[1:]], end]
    rectangles = zip(steps, ends, strict=True)
    return sum(acus * (until - hour) for (hour, acus), until in rectangles)


cheaper = [name for name in DAYS if 0.12 * acu_hours(DAYS[name]) < 0.26 * 24]
### END SOLUTION
written = "acu_hours" in globals()
hours = {name: acu_hours(steps) for name, steps in DAYS.items()} if written else ...
print(hours, cheaper, sep="\n")

# %% check="06.8"
lab.check("06.8")

# %% [markdown]
# For each GiB and hour, serverless costs 3.7 times as much. So it is the cheaper one where the **average** stays under
# 27 % of the instance that you would take otherwise: 2.2 of 8 ACUs [5.24]. (By memory; and a larger class for the
# peak changes the comparison.)
#
# Now your function on what you have measured: the rush of 06.4.

# %%
TEN_MINUTES = 10 / 60  # in hours
for name in FLEET if written and began is not ... else ():
    points = [(at / MINUTE, acus) for at, acus in curve(name, began, "Average")]
    # A point is about the minute before it.
    pairs = [(before, acus) for (before, _), (_, acus) in pairwise(points)]
    steps = [(before / 60, acus) for before, acus in pairs if before < 10]
    area = acu_hours(steps, end=TEN_MINUTES) if steps else 0
    print(f"{name}: {area:.2f} ACU-hours in 10 minutes, {12 * area:.1f} cents")

# %% [markdown]
# And all of this cluster's life, in **lab hours**: hours of AWS, as the lab's clock passes them. Which line will be the
# largest?

# %%
lab.bill("ferry")

# %% [markdown]
# What to remember of estimates: averages of CloudWatch hide short peaks [5.21]. Half an ACU that never sleeps is
# 43.80 dollars a month (2026-07), **for each instance** [8.58]. With the storage type I/O-Optimized (lesson 09), an
# ACU-hour is 0.16 dollars on the price list (2026-07), and 0.156 in texts of AWS [8.3].
#
# ## Clean up

# %%
for name in reversed(fleet()):
    rds.delete_db_instance(DBInstanceIdentifier=name)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
made = rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
for snapshot in made:
    if snapshot["DBClusterIdentifier"] == "ferry":
        name = snapshot["DBClusterSnapshotIdentifier"]
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
rds.delete_db_cluster(DBClusterIdentifier="ferry", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="ferry")
lab.clock(10)

# %%
lab.progress()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | the ranges that are refused | the sentences of some errors | its own words |
# | CPU, memory, connections: measured | the sizes of the steps | steps that are not published |
# | containers are limited | without them, an ACU is only a number | `shared_buffers` moves too [5.13] |
# | `max_connections`, and its reboot | | |
# | a paused server is stopped; a client waits | 5 minutes and 15 seconds pass faster | the deeper sleep after a day [5.15] |
# | an open connection keeps it awake | | RDS Proxy, zero-ETL [5.18] |
# | CloudWatch's metrics | a point each minute of the lab's clock | its own period |
# | ACU-hours, from the curve | one day's price list | the invoice |

# %% [markdown]
# ## One more question
#
# A serverless instance grows until the cluster's maximum. Then the rush is larger still, and nearly all of it is
# **reading**. A larger writer does not help, a second and a third reader would. Who adds them, how soon, and do the
# passengers who are already connected notice? (Lesson 07, auto-scaling readers.)
