# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "08"
#     title: Failover behaviour
#     minutes: 45
#     objectives:
#       - say who will be promoted, and have it your way
#       - measure the gap that a client sees, and name its parts
#       - give a client settings, or a driver, that make the gap short
#       - say what has become of a transaction whose answer never came, and retry without paying twice
#       - tell from the event log what has happened, and know when Aurora does nothing by itself
#     when_late: Leave out 08.3 and 08.4. The rest does not need them.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] picture="08_the_gap.png"
# ## What the gap is made of
#
# <img src="attachment:08_the_gap.png" width="760" alt="A time line: the writer dies; Aurora notices; a reader is
# promoted; old answers of DNS die; the client connects and sends again. The first two are Aurora's, the last two
# the client's">
#
# A toll bridge. Each car pays at a gate, and each payment is a row in Aurora. When the writer dies, a reader takes
# over: often in under 30 seconds [4.8]. What do the gates see meanwhile? Is a payment lost, or taken twice? You break
# the writer about twenty times in this lesson, and look.

# %%
import os
import random
import socket
import time
import uuid
from collections import Counter
from itertools import pairwise
from threading import Thread

import boto3
import matplotlib.pyplot as plt
import psycopg

from aurora_lab import lab

os.environ.update(PGUSER="keeper", PGPASSWORD="exact-change-8", PGDATABASE="toll")
rds = boto3.client("rds")
TOLL = {"DBClusterIdentifier": "toll"}


# %% [markdown]
# Small tools: look at an instance, find the writer, and wait until all is quiet again.


# %%
def instance(name):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def members():
    cluster = rds.describe_db_clusters(**TOLL)["DBClusters"][0]
    return {item["DBInstanceIdentifier"]: item for item in cluster["DBClusterMembers"]}


def writer():
    return next(name for name, item in members().items() if item["IsClusterWriter"])


def settle():
    """Wait until the cluster and all its instances are available."""
    ours = [{"Name": "db-cluster-id", "Values": ["toll"]}]
    rds.get_waiter("db_cluster_available").wait(**TOLL)
    rds.get_waiter("db_instance_available").wait(Filters=ours)


# %% [markdown]
# The cluster, with three machines that are not alike. `PromotionTier` is 1 where nobody says otherwise [4.11].


# %%
def add(name, zone, size="db.r6g.large", tier=1):
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        AvailabilityZone=zone,
        DBInstanceClass=size,
        PromotionTier=tier,
        DBClusterIdentifier="toll",
        Engine="aurora-postgresql",
    )


rds.create_db_cluster(
    DBClusterIdentifier="toll",
    Engine="aurora-postgresql",
    DatabaseName="toll",
    MasterUsername="keeper",
    MasterUserPassword="exact-change-8",
)
add("toll-1", "us-west-2a")
add("toll-2", "us-west-2b", size="db.r6g.xlarge")
add("toll-3", "us-west-2a", size="db.t4g.medium", tier=0)
settle()
lab.map()

# %% [markdown]
# ## 1 · Who is promoted?
#
# | | role | class | tier |
# |---|---|---|---|
# | `toll-1` | writes | `db.r6g.large` | 1 |
# | `toll-2` | reader | `db.r6g.xlarge`, the largest | 1 |
# | `toll-3` | reader, for reports | `db.t4g.medium`, the smallest | 0 |
#
# **Predict.** `toll-1` fails. Who writes next?
#
# - **a** `toll-2`: the largest
# - **b** `toll-3`: the lowest tier
# - **c** whichever has received more of the log

# %% predict="08.1"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("08.1", choice)

# %% [markdown]
# ### 08.1 Have it your way
#
# 1. Fail over, and name no target: `rds.failover_db_cluster(...)`, with `DBClusterIdentifier="toll"` only. Then
#    `settle()`, and `print(writer())`.
# 2. That machine is too small for the bridge. It should be promoted only when **no other** can. Change its tier, from 0
#    (first) to 15 (last): `rds.modify_db_instance(DBInstanceIdentifier=..., PromotionTier=..., ApplyImmediately=True)`.
#    Leave the others as they are. `settle()`.
# 3. Fail over once more without a target. Is it the larger one now?

# %% exercise="08.1"
### BEGIN SOLUTION
rds.failover_db_cluster(DBClusterIdentifier="toll")
settle()
print("first", writer())
rds.modify_db_instance(
    DBInstanceIdentifier="toll-3",
    PromotionTier=15,
    ApplyImmediately=True,
)
settle()
rds.failover_db_cluster(DBClusterIdentifier="toll")
settle()
### END SOLUTION
print("The writer is", writer())

# %% check="08.1"
lab.check("08.1")

# %% [markdown]
# The lowest tier goes first; within a tier the largest; what is still equal is left to chance [4.9]. A change of tier
# moves nobody: it counts at the next failover [4.11].
#
# Tiers are a preference, and no promise: after five failed attempts in their order Aurora ignores them [4.10]. So
# an instance that must **never** write does not belong in the cluster.

# %% [markdown] tags=["instructor"]
# **08.1, 6 minutes.** Most choose the largest. Ask who has looked at the tiers of their own clusters: all 1, and then
# size decides. A reader for reports that is smaller than the writer belongs on tier 15.

# %% [markdown]
# ## 2 · The gap
#
# The gates write by a plain client: one connection to the writer endpoint; after an error a new one, and the next car.
# `watch` opens a gate, starts an incident half a second later, and goes on until cars have paid for a while.

# %%
cluster = rds.describe_db_clusters(**TOLL)["DBClusters"][0]
WRITER, READER = cluster["Endpoint"], cluster["ReaderEndpoint"]


def ask(query, *values):
    """Ask the writer. While nobody answers who can write, try again: for 15 seconds."""
    safe = {"autocommit": True, "target_session_attrs": "read-write"}
    for _ in range(150):
        try:
            with psycopg.connect(host=WRITER, **safe) as session:
                found = session.execute(query, values)
                return found.fetchall() if found.description else None
        except psycopg.OperationalError as error:
            says = error
            time.sleep(0.1)
    return print("Nobody answers.", says)


# %%
def short(error):
    """The first line of an error, without the address."""
    return str(error).splitlines()[0].split("failed: ")[-1]


ask("""create table if not exists payment (
  gate text, at timestamptz default clock_timestamp(),
  taken_by text default aurora_db_instance_identifier())""")


# %%
def watch(gate, connect, incident):
    """What became of each payment at a gate: pairs of a moment and an error, or ''."""
    if not callable(incident):
        print("The incident is a function, called later. Write lambda: before the call.")
        return []
    settle()
    ask("delete from payment where gate = %s", gate)
    attempts, session, calm, failed = [], None, 0, False
    begun = time.monotonic() + 0.5
    trouble = Thread(target=lambda: (time.sleep(0.5), incident()))
    trouble.start()
    # Until it has gone well for a while, or for too long nobody has noticed anything.
    while calm < 40 and time.monotonic() < begun + (20 if failed else 5):
        error = ""
        try:
            session = session or connect()
            session.execute("insert into payment (gate) values (%s)", [gate])
        except psycopg.Error as problem:
            session, error, failed = None, short(problem), True
        attempts.append((time.monotonic() - begun, error))
        calm = calm + 1 if failed and not error else 0
        time.sleep(0.02)
    trouble.join()
    rds.get_waiter("db_cluster_available").wait(**TOLL)
    return attempts


# %% [markdown]
# And three ways to look at what it returns: the longest time without a payment, the errors, a plot.


# %%
def gap(attempts):
    """The longest time without a payment, in seconds."""
    paid = [at for at, error in attempts if not error]
    paid += [at for at, _ in attempts[-1:]]  # it may not be over
    return round(max((after - at for at, after in pairwise(paid)), default=0.0), 2)


def errors(attempts):
    for error, count in Counter(error for _, error in attempts if error).items():
        print(f"{count:4} × {error}")


def plain():
    return psycopg.connect(host=WRITER, autocommit=True)


def kill():
    return lab.fault("instance", writer())


# %%
def show(**gates):
    height = 0.9 + 0.45 * len(gates)
    _, axes = plt.subplots(figsize=(9, height), layout="tight")
    for row, attempts in enumerate(gates.values()):
        for bad, colour, mark in ((False, "tab:green", "o"), (True, "tab:red", "x")):
            found = [at for at, error in attempts if bool(error) == bad]
            axes.scatter(found, [row] * len(found), c=colour, marker=mark, s=22)
    axes.axvline(0, c="tab:gray", ls=":")
    axes.set(yticks=range(len(gates)), yticklabels=gates)
    axes.set_xlabel("seconds since the incident")
    axes.set_ylim(len(gates) - 0.5, -0.5)
    plt.show()


# %% [markdown]
# Two incidents: a **planned** failover, as you would do it before maintenance; and a writer that is **killed**.
#
# **Predict.** Green points are payments, red ones are errors. Where will there be red ones?
#
# - **a** in neither: Aurora moves the connections
# - **b** when the writer is killed; the planned one is smooth
# - **c** in both

# %% predict="08.2"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("08.2", choice)

# %% [markdown]
# ### 08.2 Measure both
#
# 1. `planned = watch("planned", plain, ...)`: the gate's name, how to connect, and the incident. That is a function,
#    which `watch` calls later: `lambda: CALL` makes one. The call is the failover of 08.1.
# 2. The same for `killed`, at a gate of this name. `kill` is such a function, with
#    `lab.fault("instance", writer())` in it.
# 3. The last lines show both. Put the longest gap of each into `longest`; `gap(planned)` tells it.

# %% exercise="08.2"
planned, killed = [], []
longest = ...  # {"planned": ..., "killed": ...}
### BEGIN SOLUTION
planned = watch("planned", plain, lambda: rds.failover_db_cluster(**TOLL))
killed = watch("killed", plain, kill)
longest = {"planned": gap(planned), "killed": gap(killed)}
### END SOLUTION
show(planned=planned, killed=killed)
for attempts in (planned, killed):
    errors(attempts)
    print()
print(longest)

# %% check="08.2"
lab.check("08.2")

# %% [markdown]
# Read the errors. First the open connection breaks, at **every** failover, a planned one too [3.19]. Then new ones
# fail: for as long as an old answer of DNS leads to the old writer, and while nobody writes. No error says "failover".
#
# A writer can also fail in silence. This one hangs: it is there, and answers nothing.

# %%
hung = watch("hung", plain, lambda: lab.fault("instance", writer(), "pause"))
show(planned=planned, killed=killed, hung=hung)
print("planned", gap(planned), "killed", gap(killed), "hung", gap(hung))

# %% [markdown]
# No red for a long time: the client **waits**. Here the lab gives the writer up after a while, and closes its
# connections. When a machine vanishes, nobody closes them: the client has to notice by itself. The guide recommends TCP
# keepalives: `keepalives_idle=1`, `keepalives_interval=1`, `keepalives_count=5` notice a dead peer in about 5
# seconds [7.10].

# %% [markdown] tags=["instructor"]
# **08.2, 8 minutes.** The lengths are a laptop's. What carries over: who sees errors, in which order, and that the
# client's own retry decides the end of the gap.

# %% [markdown]
# ## 3 · Which was which?
#
# It is Monday. What has happened to this cluster? First one incident more, and two failovers with a target.

# %%
settle()
lab.fault("instance", next(name for name in members() if name != writer()))  # a reader
for target in ("toll-3", "toll-1"):
    time.sleep(1)
    settle()
    rds.failover_db_cluster(**TOLL, TargetDBInstanceIdentifier=target)
    settle()

# %% [markdown]
# **Predict.** You want to be told, by its id, when an Aurora failover is **done**. Which event?
#
# - **a** `RDS-EVENT-0049`
# - **b** `RDS-EVENT-0071`
# - **c** `RDS-EVENT-0006`

# %% predict="08.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("08.3", choice)

# %%
DAY = 24 * 60  # minutes; without it the API tells of one hour


def log(source, kind):
    found = rds.describe_events(SourceIdentifier=source, SourceType=kind, Duration=DAY)
    return [(event["Date"], event["Message"]) for event in found["Events"]]


for date, message in log("toll", "db-cluster"):
    print(date.strftime("%H:%M:%S"), message)
for name in members():
    for date, message in log(name, "db-instance"):
        print(date.strftime("%H:%M:%S"), name, message)

# %% [markdown]
# ### 08.3 Read the log
#
# The API gives the text of an event, not its id. These are the ids [7.1] [7.3]:
#
# | id | text | of |
# |---|---|---|
# | 0072 | Started same AZ failover to DB instance: `name`. | cluster |
# | 0073 | Started cross AZ failover to DB instance: `name`. | cluster |
# | 0071 | Completed failover to DB instance: `name`. | cluster |
# | 0006 | DB instance restarted. | instance |
# | 0385 | Cluster topology is updated. | instance |
#
# Make the list `story` of **all failovers** of this cluster, oldest first: for each the id with which it **started**,
# and the new writer, as `("0073", "toll-2")`. By hand, or by a loop over `log("toll", "db-cluster")`.

# %% exercise="08.3"
story = []
### BEGIN SOLUTION
for _, message in log("toll", "db-cluster"):
    if message.startswith("Started"):
        number = "0072" if "same AZ" in message else "0073"
        story.append((number, message.split()[-1].rstrip(".")))
### END SOLUTION
print(*story, sep="\n")

# %% check="08.3"
lab.check("08.3")

# %% [markdown]
# The log does not say **why**: planned and killed look the same. The reader that died is in it as a restart only. And
# `0049` is an event of RDS Multi-AZ, not of Aurora [7.2]: an alarm on it would stay silent for ever.
#
# ## 4 · Settings
#
# A colleague has written the client for a runtime that **keeps answers of DNS** by itself. (Java does: the guide sets
# its memory to 1 second [3.17].) Python has none, so `connect` plays it: for `remember` seconds a name leads where it
# led before.

# %%
memory = {}


def connect(hosts, remember, **settings):
    """A new connection to the first of these names that will do."""
    names = []
    for host in hosts:
        dies, leads_to = memory.get(host, (0, host))
        if host == WRITER and time.monotonic() > dies:
            leads_to = instance(writer())["Endpoint"]["Address"] if remember else host
            memory[host] = (time.monotonic() + remember, leads_to)
        names.append(leads_to)
    return psycopg.connect(
        host=",".join(names),
        hostaddr=",".join([os.environ["PGHOSTADDR"]] * len(names)),  # only in the lab
        autocommit=True,
        **settings,
    )


settings = {"hosts": [WRITER], "remember": 8}
before = watch("before", lambda: connect(**settings), kill)
show(before=before)
errors(before)

# %% [markdown]
# **Predict.** Aurora's part was over long before cars paid again. What made the gap so long?
#
# - **a** Aurora's DNS, whose answers live for 5 seconds
# - **b** the client's own memory
# - **c** that the old writer had to come back first

# %% predict="08.4"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("08.4", choice)

# %% [markdown]
# ### 08.4 Mend the settings
#
# - `remember`: 0.
# - `hosts`: both endpoints, `[WRITER, READER]`. Right after a failover the second may lead to the new writer [3.12].
# - `target_session_attrs`: with `"read-write"` the client takes from the list only a session that can write. Without
#   it, it takes the first that answers, and a reader refuses the payment.
# - `connect_timeout`: 2, in seconds. A host that does not answer must not hold up the list.
#
# The cell then kills the writer again, at the gate `after`.

# %% exercise="08.4"
memory.clear()
settings = {"hosts": [WRITER], "remember": 8}
### BEGIN SOLUTION
settings = {
    "hosts": [WRITER, READER],
    "remember": 0,
    "target_session_attrs": "read-write",
    "connect_timeout": 2,
}
### END SOLUTION
after = watch("after", lambda: connect(**settings), kill)
show(before=before, after=after)
errors(after)
print("before", gap(before), "after", gap(after))

# %% check="08.4"
lab.check("08.4")

# %% [markdown]
# Aurora's own answers live for 5 seconds [3.16], and no client may keep them longer [3.17]. The guide's settings for
# Java say the same: both endpoints, the primary only, 2 seconds to connect [7.11].
#
# ## 5 · A driver that knows Aurora
#
# The AWS drivers do not wait for DNS: they ask a living instance who writes now, by `aurora_replica_status()` [7.13].
# Here is the one for Python, around psycopg.

# %%
import logging

from aws_advanced_python_wrapper import AwsWrapperConnection, release_resources
from aws_advanced_python_wrapper.errors import FailoverError, FailoverSuccessError

logging.getLogger("aws_advanced_python_wrapper").setLevel(logging.CRITICAL)
socket.gethostbyname = lambda _host: os.environ["PGHOSTADDR"]  # only in the lab


def driver():
    return AwsWrapperConnection.connect(
        psycopg.Connection.connect,
        host=WRITER,
        port=int(os.environ["PGPORT"]),
        user="keeper",
        password="exact-change-8",
        dbname="toll",
        plugins="failover_v2",
        autocommit=True,
    )


# %% [markdown]
# Each gate tells the session once who it is: `set toll.gate = 'north'`. Every passage notes that.
#
# **Predict.** The writer dies. What becomes of this driver's connection?
#
# - **a** it is broken: open another
# - **b** it goes on; nothing is different
# - **c** it goes on, with an error and without `toll.gate`

# %% predict="08.5"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("08.5", choice)

# %%
ask("""create table if not exists passage (
  car integer primary key, gate text default current_setting('toll.gate', true),
  taken_by text default aurora_db_instance_identifier())""")
NORTH = "set toll.gate = 'north'"
PASS = "insert into passage (car) values (%s) on conflict do nothing"


def seen():
    settle()
    query = "select gate, taken_by, count(*), min(car), max(car) from passage group by 1, 2"
    for row in ask(query):
        print("gate {}, taken by {}: {} cars, from {} to {}".format(*row))


# %% [markdown]
# ### 08.5 Find the mistakes
#
# 60 cars pass the north gate; before car 530 the writer is killed. The script catches the driver's error, and goes on.
# Run it. Which car is missing, and which have no gate? Then mend the `except` part, and run it again: all 60 cars, all
# by `north`.

# %% exercise="08.5"
settle()
ask("delete from passage")
session = driver()
session.cursor().execute(NORTH)
for car in range(501, 561):
    if car == 530:
        kill()
    try:
        session.cursor().execute(PASS, [car])
    except FailoverSuccessError as error:
        print("car", car, error)
        ### BEGIN SOLUTION
        again = session.cursor()
        again.execute(NORTH)
        again.execute(PASS, [car])
        ### END SOLUTION
session.close()
seen()

# %% check="08.5"
lab.check("08.5")

# %% [markdown]
# The driver has replaced the connection, session settings are gone, and the statement must run again [7.15]. It has
# three errors:
#
# | error | says | what you do |
# |---|---|---|
# | `FailoverSuccessError` | a new connection is in place | settings again, statement again |
# | `TransactionResolutionUnknownError` | it happened inside a transaction | find out first (part 6) |
# | `FailoverFailedError` | it gave up | open another connection, tell somebody |
#
# (The fact has the Java driver's names, `…SQLException`; the second is `TransactionStateUnknownSQLException`
# there [7.15].) AWS says: single-digit seconds, against tens
# with a plain driver [7.13]. A laptop cannot show that.

# %% [markdown]
# ## 6 · Committed, or not?
#
# A gate sends `COMMIT`. The writer dies, and no answer comes. Four cars, 601 to 604, are caught by that. `caught` kills
# the writer at one of two moments, drawn by lot: **before** the commit is sent, or **after** it is on storage nodes and
# before the answer. (For the second it stops three of the six: then a commit waits.)
#
# Run its two cells; you need not read them.


# %%
STOPPED = ("a1", "b1", "c1")
WAITS = """select
  (select wait_event = 'SyncRep' from pg_stat_activity where pid = %s) and
  (select count(*) > 2 from aurora_lab_storage_nodes() where scl >= pg_current_wal_lsn())"""


def stop_nodes(action="pause"):
    for node in STOPPED:
        lab.fault("storage-node", node, action, "toll")


def until_it_waits(pid):
    for _ in range(200):
        if ask(WAITS, pid) == [(True,)]:
            return
        time.sleep(0.05)
    print("The commit does not wait: do three storage nodes hang?")


# %%
def commit(session, car):
    try:
        session.commit()
        print(car, "committed")
    except psycopg.Error as error:
        print(car, "COMMIT failed:", short(error))


def caught(car, sent):
    settle()
    session = psycopg.connect(host=WRITER)
    session.execute("insert into ticket (car) values (%s)", [car])
    if sent:
        stop_nodes()
        sending = Thread(target=commit, args=[session, car])
        sending.start()
        until_it_waits(session.info.backend_pid)
    kill()
    if sent:
        sending.join()
        stop_nodes("undo")
    else:
        commit(session, car)
    ask("select 1")  # there is a writer again


# %% [markdown]
# **Predict.** For all four, `COMMIT` ends with an error. How many are in the table afterwards?
#
# - **a** none: an error means that nothing was done
# - **b** all: the database finishes what it has begun
# - **c** some, and the error does not tell which

# %% predict="08.6"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("08.6", choice)

# %%
ask("drop table if exists ticket")
ask("create table ticket (car integer, paid text default 'at the gate')")
lots = [True, True, False, False]
random.shuffle(lots)
for car, sent in enumerate(lots, start=601):
    caught(car, sent)
settle()

# %% [markdown]
# ### 08.6 Find out, then finish
#
# Each of the four must be in `ticket` **exactly once**.
#
# 1. Ask who is there, with `ask(...)`, and keep it: `stored = {601: True, ...}`.
# 2. Add the missing ones, and only these: `pay_later(car)`.


# %%
def pay_later(car):
    ask("insert into ticket values (%s, 'later')", car)


# %% exercise="08.6"
stored = ...  # {601: True or False, ...}
### BEGIN SOLUTION
there = [car for (car,) in ask("select car from ticket")]
stored = {car: car in there for car in range(601, 605)}
for car in stored:
    if not stored[car]:
        pay_later(car)
### END SOLUTION
print(stored)
print(ask("select car, paid from ticket order by car"))

# %% check="08.6"
lab.check("08.6")

# %% [markdown]
# Here the new writer first takes all log that the storage nodes have. Aurora asks a read quorum of each group, and cuts
# off what is above the VDL [2.41]. What was confirmed is there [2.40]. What was **not** confirmed may be there, or not:
# only the database can tell. The AWS driver says so by `TransactionResolutionUnknownError`:

# %%
settle()
session = driver()
session.autocommit = False
cursor = session.cursor()
cursor.execute("insert into passage (car) values (699)")
kill()
try:
    session.commit()
except FailoverError as error:
    print(type(error).__name__, error)
session.close()
release_resources()

# %% [markdown] tags=["instructor"]
# **08.6, 9 minutes.** The centre of the lesson. Let two learners compare their four: the same error, other rows.
# Ask: what would a gate do that retries? What would one do that gives up? Both are wrong somewhere.

# %% [markdown]
# ## 7 · Retry, and pay once
#
# A program cannot stop and think, as you did. It must be able to send **the same payment again**, safely. This is the
# day's list, of customer and cents. Two customers cross twice, and pay twice: that is right.

# %%
DAY_LIST = [(f"customer-{number}", 250) for number in range(1, 29)]
DAY_LIST[10] = DAY_LIST[9]
DAY_LIST[20] = DAY_LIST[19]


def lose_an_answer():
    """The next commit gets onto storage nodes; then the writer dies, before it answers."""
    settle()
    stop_nodes()
    taking = Thread(target=take, args=DAY_LIST[len(done)])
    taking.start()
    for _ in range(200):
        waiting = ask("select pid from pg_stat_activity where wait_event = 'SyncRep'")
        if any(ask(WAITS, pid) == [(True,)] for (pid,) in waiting):
            break
        time.sleep(0.05)
    else:
        print("No commit waits for the storage nodes. Run this cell again.")
    kill()
    stop_nodes("undo")
    taking.join()


# %% [markdown]
# `day` works through the list, by a function `take` that you will see below. The answer to payment 6 is lost, by
# `lose_an_answer`; before payment 16 the writer dies, too. `sent` sends a statement once.


# %%
done, gate = [], {}


def day(table):
    ask("drop table if exists ledger, opened")
    ask("create table opened as select clock_timestamp() as at")
    ask(table)
    done.clear()
    gate.clear()
    for number, payment in enumerate(DAY_LIST, start=1):
        if number == 16:
            settle()
            kill()
        if number == 6:
            lose_an_answer()
        else:
            take(*payment)
        done.append(payment)
    settle()
    return ask("select count(*) from ledger")[0][0]


# %%
def sent(statement, *values):
    """One try, on the gate's connection or a new one. Returns whether an answer came."""
    try:
        if not gate:
            gate["session"] = psycopg.connect(host=WRITER, autocommit=True)
        gate["session"].execute(statement, values)
    except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
        gate.clear()
        return False
    return True


# %% [markdown]
# **Predict.** The script below sends each payment until an answer comes. 28 payments, one answer that is lost, one
# failover more. How many rows?
#
# - **a** 26
# - **b** 28
# - **c** 29

# %% predict="08.7"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("08.7", choice)

# %% [markdown]
# ### 08.7 Find the mistake, and mend it
#
# Run it as it is. Then mend table **and** `take`, so that each of the 28 payments is in `ledger` once, however often it
# is sent:
#
# - give each payment a key of its own, made **once**, before the first try: `uuid.uuid4()`
# - let the table refuse a second row with this key
# - `on conflict do nothing`, at the end of the `insert`, makes a refused row no error

# %% exercise="08.7"
TABLE = "create table ledger (customer text, cents integer)"


def take(customer, cents):
    while not sent("insert into ledger values (%s, %s)", customer, cents):
        time.sleep(0.05)


### BEGIN SOLUTION
TABLE = "create table ledger (key uuid primary key, customer text, cents integer)"
INSERT = "insert into ledger values (%s, %s, %s) on conflict do nothing"


def take(customer, cents):
    key = uuid.uuid4()
    while not sent(INSERT, key, customer, cents):
        time.sleep(0.05)


### END SOLUTION
print(day(TABLE), "rows for", len(DAY_LIST), "payments")

# %% check="08.7"
lab.check("08.7")

# %% [markdown]
# That is an **idempotency key**. It comes from whoever knows that it is the same payment: the gate, not the database.
# Now a lost answer is nothing special: send it again.
#
# ## 8 · Nobody to take over
#
# To save money the owner keeps one instance.


# %%
def leave_alone(name):
    """Only this instance stays. Returns its AZ."""
    settle()
    if writer() != name:
        rds.failover_db_cluster(**TOLL, TargetDBInstanceIdentifier=name)
        settle()
    for other in set(members()) - {name}:
        rds.delete_db_instance(DBInstanceIdentifier=other)
        rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=other)
    time.sleep(lab.dns_ttl())  # until no name leads to them
    return instance(name)["AvailabilityZone"]


zone = leave_alone("toll-1")
restart = watch("restart", plain, kill)
show(killed=killed, restart=restart)
print("with a reader", gap(killed), "alone", gap(restart))

# %% [markdown]
# A killed server alone is restarted **in place**, often quicker than a failover; on AWS in under 60 s, in most
# cases [4.14]. No event tells of a failover then. (On AWS that is the first answer to any crash. The lab fails over
# whenever there is a reader.) So is the second instance a waste?
#
# **Predict.** Now the whole AZ of the only instance fails. What does Aurora do?
#
# - **a** it starts the instance in another AZ
# - **b** nothing, until you do
# - **c** the data is gone with the AZ

# %% predict="08.8"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("08.8", choice)

# %% [markdown]
# ### 08.8 Be the one who acts
#
# 1. Write `rescue()`. Its first line takes the AZ of `toll-1` away. Then **you** act: `add("toll-4", ...)` in an AZ that is there.
# 2. Watch it, by a plain client at the gate `alone`, as in 08.2. Keep what `watch` returns in `alone`.
# 3. Bring the AZ back: `lab.fault("az", zone, "undo")`, then `settle()`. Now there are two instances, in two AZs.
# 4. Take away the AZ of the **new** writer, and do nothing: `pair = watch("pair", plain, ...)`. Look first where it is:
#    `instance(writer())["AvailabilityZone"]`.
# 5. Bring that AZ back.
# 6. Fill in `cheapest`, see below.

# %% [markdown]
# The owner wants the bridge open again within 30 seconds, with nobody at a keyboard: after a **crash** of the server
# (`restart`), and after the outage of an **AZ**. How many instances does each need at least, by what you measured?
#
# To begin anew: bring the AZs back, `settle()`, then `leave_alone("toll-1")`.

# %% exercise="08.8"
alone, pair = [], []
cheapest = ...  # {"crash": ..., "az": ...}


def rescue():
    lab.fault("az", zone)


### BEGIN SOLUTION
def rescue():
    lab.fault("az", zone)
    add("toll-4", "us-west-2c")


alone = watch("alone", plain, rescue)
lab.fault("az", zone, "undo")
settle()
away = instance(writer())["AvailabilityZone"]
pair = watch("pair", plain, lambda: lab.fault("az", away))
lab.fault("az", away, "undo")
cheapest = {"crash": 1, "az": 2}
### END SOLUTION
show(restart=restart, alone=alone, pair=pair)
print("restart", gap(restart), "alone", gap(alone), "pair", gap(pair), cheapest)

# %% check="08.8"
lab.check("08.8")

# %% [markdown]
# Without a reader Aurora tries to make the instance anew **in the same AZ**, typically in under 10 minutes. If the AZ
# itself is out, you must act [4.12]. The data was never in danger: it is in three AZs [1.2]. So the guide recommends at
# least one reader of the same class in another AZ [4.16].
#
# One thing a failover does lose, on AWS too: the new writer has a page cache of its own [7.20]. Cluster
# cache management keeps that of one reader in tier 0 warm [7.21].

# %%
settle()
lab.map()

# %% [markdown]
# ## What to take home
#
# | you want | so you | you saw it in |
# |---|---|---|
# | a writer that is large enough | set tiers; the first reader is as large as the writer | 08.1 |
# | a short gap at the client | keep no DNS answers, limit each wait, ask for a session that writes; or take the AWS driver | 08.4, 08.5 |
# | each payment once | give it a key, and send it again | 08.6, 08.7 |
# | sleep, when an AZ fails | have a reader in another AZ | 08.8 |
#
# Clients that cannot be changed can go through **RDS Proxy**: it keeps idle connections open over a failover, and cuts
# those in a transaction [7.16].
#
# ## Clean up

# %%
for name in sorted(members()):
    rds.delete_db_instance(DBInstanceIdentifier=name)
for name in sorted(members()):
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
rds.delete_db_cluster(DBClusterIdentifier="toll", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="toll")
lab.progress()

# %% [markdown]
# ## Optional: the same on AWS
#
# The next cells use a real AWS account and cost money. They do nothing until you ask for them: remove the `#` in the
# first one and name a profile from your `~/.aws` folder. They open a session of their own.
#
# `aurora-lab aws plan 08`, in a terminal, says what they make and what it costs. All of it carries the tags
# `made-by=aurora-lab`, the lesson, and when it expires. The last cell removes all that carries the first tag, and so
# does `aurora-lab aws teardown`, also when this notebook is gone.
#
# What the lab could not tell: how long is Aurora's own part of the gap? Does the tier decide?

# %% tags=["real-aws"]
# lab.use_real_aws("my-profile")

# %% tags=["real-aws"]
# %%real_aws 08 | 3 Aurora db.t4g.medium
import secrets

real = lab.aws.rds
real.create_db_cluster(
    DBClusterIdentifier="aurora-lab-08",
    Engine="aurora-postgresql",
    EngineVersion=lab.aws.engine_version(),
    MasterUsername="keeper",
    MasterUserPassword=secrets.token_urlsafe(20),
    Tags=lab.aws.tags,
)
TIERS = {"aurora-lab-08-1": 1, "aurora-lab-08-2": 1, "aurora-lab-08-3": 0}
for name, tier in TIERS.items():
    real.create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier="aurora-lab-08",
        Engine="aurora-postgresql",
        DBInstanceClass="db.t4g.medium",
        PromotionTier=tier,
        PubliclyAccessible=False,
        Tags=lab.aws.tags,
    )
    real.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)

# %% [markdown]
# Fail over twice without a target. The first should go to `aurora-lab-08-3`, by its tier [4.9]. Who is next, when it
# writes itself? (You are outside the network of the account. So you ask the API and the event log, and connect nowhere.)


# %% tags=["real-aws"]
# %%real_aws
def failover_log():
    found = real.describe_events(
        SourceType="db-cluster",
        SourceIdentifier="aurora-lab-08",
        EventCategories=["failover"],
        Duration=120,
    )
    return found["Events"]


for number in (1, 2):
    real.failover_db_cluster(DBClusterIdentifier="aurora-lab-08")
    for _ in range(120):
        completed = [event for event in failover_log() if "Completed" in event["Message"]]
        if len(completed) >= number:
            break
        time.sleep(5)
    real.get_waiter("db_cluster_available").wait(DBClusterIdentifier="aurora-lab-08")
    for name in TIERS:
        real.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
for event in failover_log():
    print(event["Date"].strftime("%H:%M:%S"), event["Message"])

# %% [markdown]
# From "Started" to "Completed": does it fit under 30 seconds [4.8]? Which of the two went to another AZ?

# %% tags=["real-aws"]
# %%real_aws
lab.aws.remove_everything()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | who is promoted | machines and AZs: servers are killed or stopped | usually under 60 s [4.8] |
# | connections that break, and their errors | the gaps: a second or two | a machine that vanishes [7.10] |
# | the AWS driver, and what it raises | DNS: the lab answers; the driver is told an address | single-digit seconds [7.13] |
# | a commit without an answer, and its row | three storage nodes that you stop | nobody stops those |
# | with one instance, an AZ outage waits for you | a client that remembers DNS | typically under 10 minutes [4.12] |
# | the texts of the events | | a page cache that outlives a restart [7.20] |

# %% [markdown]
# ## One more question
#
# The second instance of part 8 does nothing most of the year but wait. What does a month of waiting cost, and what a
# minute without the bridge? Lesson 09 takes the bill apart, line by line.
