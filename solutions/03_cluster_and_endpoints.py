# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "03"
#     title: Cluster and endpoints
#     minutes: 45
#     objectives:
#       - read a host name of Aurora, and say where it leads today and after a failover
#       - spread connections over readers, and know why queries do not spread by themselves
#       - give each client the endpoint that it needs, or a group of instances of its own
#       - say when a name with `-ro` in it writes, and how to be safe from that
#     when_late: Leave out 03.5 and 03.7. The rest does not need them.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# ## Names that lead to instances
#
# A theatre sells tickets. Its cluster has a writer and two readers, and clients find them by **endpoints**: host
# names.
#
# | endpoint | host name | leads to |
# |---|---|---|
# | cluster, or writer | `tickets.cluster-ID.us-west-2.rds.amazonaws.com` | whoever writes now [3.1] |
# | reader | `tickets.cluster-ro-ID.…` | one of the readers [3.2] |
# | instance | `tickets-1.ID.…` | this instance, in whatever role [3.3] |
# | custom | `NAME.cluster-custom-ID.…` | a group that you choose [3.4] |
#
# `ID` is the same for all your endpoints in one account and Region [3.5].

# %%
import os
import time

import boto3
import psycopg

from aurora_lab import lab

os.environ.update(PGUSER="clerk", PGPASSWORD="front-row-7", PGDATABASE="tickets")
rds = boto3.client("rds")


# %% [markdown]
# Three small tools: one adds an instance, one asks for its name, one sells a ticket through a name that you choose.


# %%
def add(name, zone):
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        AvailabilityZone=zone,
        DBInstanceClass="db.t4g.medium",
        DBClusterIdentifier="tickets",
        Engine="aurora-postgresql",
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)


# %%
def own_name(instance):
    """The instance endpoint."""
    found = rds.describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
    return found[0]["Endpoint"]["Address"]


def sell(number, host):
    """Sell one ticket through a host name, and say who has sold it."""
    statement = "insert into sold (id) values (%s) returning sold_by"
    try:
        with psycopg.connect(host=host) as box_office:
            by = box_office.execute(statement, [number]).fetchone()[0]
        print(f"ticket {number}: sold by {by}")
    except psycopg.Error as error:
        print(f"ticket {number}: {error.sqlstate or ''} {error}")


# %% [markdown]
# The cluster, with an instance in each availability zone (AZ):

# %%
rds.create_db_cluster(
    DBClusterIdentifier="tickets",
    Engine="aurora-postgresql",
    DatabaseName="tickets",
    MasterUsername="clerk",
    MasterUserPassword="front-row-7",
)
for number, zone in enumerate(("us-west-2a", "us-west-2b", "us-west-2c"), start=1):
    add(f"tickets-{number}", zone)
lab.map()

# %% [markdown]
# And a table, in which each ticket notes who has sold it.

# %%
cluster = rds.describe_db_clusters(DBClusterIdentifier="tickets")["DBClusters"][0]
os.environ.update(WRITER=cluster["Endpoint"], READER=cluster["ReaderEndpoint"])
os.environ["TABLE"] = """create table sold (
  id integer primary key, sold_by text default aurora_db_instance_identifier())"""
# !psql -h "$WRITER" -c "$TABLE"

# %% [markdown]
# ## 1 · Read a name
#
# **Predict.** Nobody has made a custom endpoint. To how many host names of this cluster can you connect?
#
# - **a** 1
# - **b** 2
# - **c** 5

# %% predict="03.1"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("03.1", choice)

# %% [markdown]
# ### 03.1 Three names, three mistakes
#
# A colleague puts the names together himself. `label` is right: it is the end that all of them share. Run the cell,
# compare with the table at the top, and mend the three names. Then each leads where its key says.

# %% exercise="03.1"
label = own_name("tickets-1").partition(".")[2]
hosts = {
    "writer": f"tickets.{label}",
    "reader": f"tickets-ro.cluster-{label}",
    "tickets-2": f"tickets-2.cluster-{label}",
}
### BEGIN SOLUTION
hosts = {
    "writer": f"tickets.cluster-{label}",
    "reader": f"tickets.cluster-ro-{label}",
    "tickets-2": f"tickets-2.{label}",
}
### END SOLUTION
for key, host in hosts.items():
    try:
        with psycopg.connect(host=host) as session:
            who = session.execute("select aurora_db_instance_identifier()").fetchone()
        print(key, "→", *who)
    except psycopg.Error as error:
        print(key, "→", str(error).strip())

# %% check="03.1"
lab.check("03.1")

# %% [markdown]
# In a program you ask the API for a name rather than build it: `Endpoint`, `ReaderEndpoint`.
#
# ## 2 · Which name stays right?
#
# The box office has in its settings the name of the instance that writes. It works:

# %%
host = own_name("tickets-1")
sell(1, host)

# %% [markdown]
# **Predict.** After a failover `tickets-2` writes. Where does this name lead then?
#
# - **a** to `tickets-2`
# - **b** to `tickets-1`, which is a reader now
# - **c** nowhere

# %% predict="03.2"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("03.2", choice)

# %% [markdown]
# ### 03.2 Break it, and repair it
#
# 1. Fail over to `tickets-2`: `rds.failover_db_cluster`, with `TargetDBInstanceIdentifier`. Wait for the cluster
#    (`db_cluster_available`), and for `tickets-1`, which restarts (`db_instance_available`).
# 2. Sell ticket 2 with the old setting, `sell(2, host)`, and read what it says.
# 3. Put a better name into `host`, one that stays right at the next failover too. Sell ticket 3.

# %% exercise="03.2"
### BEGIN SOLUTION
rds.failover_db_cluster(
    DBClusterIdentifier="tickets",
    TargetDBInstanceIdentifier="tickets-2",
)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="tickets")
rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="tickets-1")
sell(2, host)
host = os.environ["WRITER"]
time.sleep(lab.dns_ttl())
sell(3, host)
### END SOLUTION
lab.map()

# %% check="03.2"
lab.check("03.2")

# %% [markdown] tags=["instructor"]
# **03.2, 7 minutes.** Two surprises may come first. Right after the failover the old writer is restarting: then ticket
# 2 fails with a broken connection instead of 25006. And the writer endpoint may lead to the old writer while an old
# answer of DNS lives: then ticket 3 gets 25006. Both are what a program on AWS sees: wait, and sell again.

# %% [markdown]
# `25006` is PostgreSQL's code for a write where only reading is allowed: the old name leads to a reader now. Ticket 3 got
# it, too? Then your machine still had an old answer: an answer of DNS lives for 5 seconds [3.16]. Here they pass faster;
# `lab.dns_ttl()` says how long they take. A name says where to connect **next**. An open
# connection never moves [3.19].
#
# ## 3 · Connections, not queries
#
# A website opens a pool of 20 connections through the reader endpoint when it starts, and keeps them. Two readers are
# behind the name.
#
# **Predict.** How are the 20 spread?
#
# - **a** 10 and 10
# - **b** most or all on one reader
# - **c** by the load of the readers

# %% predict="03.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("03.3", choice)

# %%
WHO = "select aurora_db_instance_identifier()"


def show(names):
    """A bar for each instance that has answered."""
    for name in sorted(set(names)):
        bar = "█" * round(40 * names.count(name) / len(names))
        print(f"{name:10} {bar} {names.count(name)}")


pool = [psycopg.connect(host=os.environ["READER"]) for _ in range(20)]
show([connection.execute(WHO).fetchone()[0] for connection in pool])
for connection in pool:
    connection.close()

# %% [markdown]
# The reader endpoint balances **connections** [3.9], by answers of DNS: each is one reader at random [3.10]. All who
# connect while an answer lives go to the same reader. And what a connection asks, its reader answers. (Did you see both
# readers? Then an answer ended while the 20 connected. It lives `lab.dns_ttl()` seconds here.)
#
# ### 03.3 A pool on both
#
# Open 20 connections through `$READER` so that both readers share the work, and leave them in `pool`. Then 5 questions
# on each are asked; of these 100 each reader shall answer at least 15.

# %% exercise="03.3"
pool = []
### BEGIN SOLUTION
for _ in range(20):
    pool.append(psycopg.connect(host=os.environ["READER"]))
    time.sleep(lab.dns_ttl())
### END SOLUTION
answers = [session.execute(WHO).fetchone()[0] for session in pool for _ in range(5)]
show(answers)
for connection in pool:
    connection.close()

# %% check="03.3"
lab.check("03.3")

# %% [markdown]
# A real pool need not wait at its start. It closes a connection after some minutes and opens another: so the answers
# of DNS spread by themselves, also to a reader that was added later.
#
# ## 4 · Groups of your own
#
# The theatre's monthly report reads everything, and slows down whoever shares a reader with it. It shall have
# `tickets-3` for itself. The website shall have all other readers, **also those of next year**.


# %%
def host_of(endpoint):
    """The host name of a custom endpoint."""
    found = rds.describe_db_cluster_endpoints(DBClusterEndpointIdentifier=endpoint)
    return found["DBClusterEndpoints"][0]["Endpoint"]


def visit(host, times=12):
    """Who answers on new connections, each with an answer of DNS of its own."""
    names = []
    for _ in range(times):
        with psycopg.connect(host=host) as guest:
            names += guest.execute(WHO).fetchone()
        time.sleep(lab.dns_ttl())
    show(names)


# %% [markdown]
# A custom endpoint has a type, and a list: either of its members, or of the exceptions, never both [3.15].
#
# **Predict.** The website's endpoint has the list of exceptions `["tickets-3"]`, the report's endpoint the list of
# members `["tickets-3"]`. You add the reader `tickets-4`. Behind which of them is it?
#
# - **a** both
# - **b** the website's
# - **c** neither, until you say so

# %% predict="03.4"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("03.4", choice)

# %% [markdown]
# ### 03.4 Report and website
#
# 1. Create the custom endpoints `report` and `website`, both of the type `READER`, with these lists:
#    `rds.create_db_cluster_endpoint`, with `StaticMembers` or `ExcludedMembers`.
# 2. Add the reader `tickets-4` in `us-west-2a`. The last lines then visit both, 12 times each, and wait for a new
#    answer of DNS each time: some 15 seconds.

# %% exercise="03.4"
### BEGIN SOLUTION
rds.create_db_cluster_endpoint(
    DBClusterIdentifier="tickets",
    DBClusterEndpointIdentifier="report",
    EndpointType="READER",
    StaticMembers=["tickets-3"],
)
rds.create_db_cluster_endpoint(
    DBClusterIdentifier="tickets",
    DBClusterEndpointIdentifier="website",
    EndpointType="READER",
    ExcludedMembers=["tickets-3"],
)
add("tickets-4", "us-west-2a")
### END SOLUTION
for name in ("report", "website"):
    print(name)
    visit(host_of(name))

# %% check="03.4"
lab.check("03.4")

# %%
lab.map()

# %% [markdown]
# ## 5 · The report's reader is promoted
#
# At night `tickets-2`, the writer, dies, and by chance `tickets-3` takes over.
#
# **Predict.** The report starts. Where does its endpoint, of type `READER` with the one member `tickets-3`, lead?
#
# - **a** to `tickets-3`, beside all that is written
# - **b** not to `tickets-3`: it is no reader any more
# - **c** to the other readers

# %% predict="03.5"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("03.5", choice)

# %%
rds.failover_db_cluster(
    DBClusterIdentifier="tickets",
    TargetDBInstanceIdentifier="tickets-3",
)
failed_over = rds.get_waiter("db_cluster_available")
failed_over.wait(DBClusterIdentifier="tickets")
rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="tickets-2")
time.sleep(lab.dns_ttl())
os.environ["REPORT"] = host_of("report")
# !psql -h "$REPORT" -c "select count(*) from sold"

# %% [markdown]
# ### 03.5 Repair the report
#
# Change both endpoints (`rds.modify_db_cluster_endpoint`) so that
#
# - the report runs again, on a reader, and would go on running if **one** instance of its group were promoted;
# - the website never shares an instance with it.

# %% exercise="03.5"
### BEGIN SOLUTION
group = ["tickets-2", "tickets-3"]
rds.modify_db_cluster_endpoint(DBClusterEndpointIdentifier="report", StaticMembers=group)
rds.modify_db_cluster_endpoint(
    DBClusterEndpointIdentifier="website", ExcludedMembers=["tickets-2", "tickets-3"]
)
### END SOLUTION
# !psql -h "$REPORT" -c "select aurora_db_instance_identifier(), count(*) from sold"
lab.map()

# %% check="03.5"
lab.check("03.5")

# %% [markdown]
# Whoever was connected before you changed the lists stays where it is: a change of members cuts no connection [3.15].
#
# ## 6 · Is `-ro` read-only?
#
# It is summer, the theatre is shut, and the owner removes all readers. A job that nobody remembers still runs every
# night, through the reader endpoint: "nothing can happen there".

# %%
for name in ("tickets-1", "tickets-2", "tickets-4"):
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
    rds.delete_db_instance(DBInstanceIdentifier=name)
for name in ("tickets-1", "tickets-2", "tickets-4"):
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
time.sleep(lab.dns_ttl())
os.environ["KEPT"] = "create table kept (like sold, since timestamptz)"
os.environ["KEEP"] = "truncate kept; insert into kept select *, clock_timestamp() from sold"
os.environ["JOB"] = "delete from kept"
# !psql -q -h "$WRITER" -c "$KEPT" -c "$KEEP"

# %% [markdown]
# **Predict.** The job is `delete from kept`, and comes through `$READER`. What happens?
#
# - **a** no connection: no reader is behind the name
# - **b** it is refused, as always
# - **c** the rows are gone

# %% predict="03.6"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("03.6", choice)

# %%
# !psql -h "$READER" -c "$JOB"
# !psql -h "$READER" -At -c "show transaction_read_only"

# %% [markdown]
# ### 03.6 Make the job harmless
#
# The first line of the cell brings the rows back. Write the second: run the job through `$READER` again, so that
# **PostgreSQL itself** refuses to write, whoever is behind the name. Keep what psql prints, errors too, in `job`.
#
# With the setting `default_transaction_read_only=on` a session is read-only from its start. psql takes settings from
# the variable `PGOPTIONS`, as `-c name=value`; and `2>&1` catches errors.

# %% exercise="03.6"
# !psql -q -h "$WRITER" -c "$KEEP"
job = []
### BEGIN SOLUTION
# job = !PGOPTIONS="-c default_transaction_read_only=on" psql -h "$READER" -c "$JOB" 2>&1
### END SOLUTION
print(*job, sep="\n")

# %% check="03.6"
lab.check("03.6")

# %% [markdown]
# ## 7 · A new name for the house
#
# **Predict.** The cluster is to be called `boxoffice`. What of the host names that end in `cluster-ID…`, by which your
# programs connect?
#
# - **a** the old ones lead there still
# - **b** new names; the old ones are gone
# - **c** the names never change

# %% predict="03.7"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("03.7", choice)

# %% [markdown]
# ### 03.7 Rename it
#
# 1. Rename the cluster: `rds.modify_db_cluster`, with `NewDBClusterIdentifier` and `ApplyImmediately=True`.
# 2. Sell ticket 100 through `$WRITER`, as it was. What is it told?
# 3. Ask the API for the new endpoint, put it into `$WRITER`, and sell ticket 100.

# %% exercise="03.7"
### BEGIN SOLUTION
rds.modify_db_cluster(
    DBClusterIdentifier="tickets",
    NewDBClusterIdentifier="boxoffice",
    ApplyImmediately=True,
)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="boxoffice")
time.sleep(lab.dns_ttl())
sell(100, os.environ["WRITER"])
cluster = rds.describe_db_clusters(DBClusterIdentifier="boxoffice")["DBClusters"][0]
os.environ["WRITER"] = cluster["Endpoint"]
sell(100, os.environ["WRITER"])
### END SOLUTION

# %% check="03.7"
lab.check("03.7")

# %% [markdown] tags=["instructor"]
# **After 03.7.** Ask the room: which of the names of today would you write into a program? The cluster endpoint and
# the reader endpoint, read from the API or from one place of the settings; a custom endpoint where clients must not
# meet; an instance endpoint for looking at one instance, and for nothing else.

# %% [markdown]
# ## Clean up

# %%
last = rds.describe_db_instances(DBInstanceIdentifier="tickets-3")["DBInstances"][0]
house = last["DBClusterIdentifier"]  # boxoffice, if you have renamed it
found = rds.describe_db_cluster_endpoints(DBClusterIdentifier=house)
for item in found["DBClusterEndpoints"]:
    if item["EndpointType"] == "CUSTOM":
        name = item["DBClusterEndpointIdentifier"]
        rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=name)
rds.delete_db_instance(DBInstanceIdentifier="tickets-3")
rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="tickets-3")
rds.delete_db_cluster(DBClusterIdentifier=house, SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier=house)
lab.progress()

# %% [markdown]
# ## Optional: the same on AWS
#
# The next cells use a real AWS account and cost money. They do nothing until you ask for them: remove the `#` in the
# first one and name a profile from your `~/.aws` folder. They open a session of their own.
#
# `aurora-lab aws plan 03`, in a terminal, says what they make and what it costs. All of it carries the tags
# `made-by=aurora-lab`, the lesson, and when it expires. The last cell removes all that carries the first tag, and so
# does `aurora-lab aws teardown`, also when this notebook is gone.
#
# What the lab could not show: the answers of real DNS, and when they change.

# %% tags=["real-aws"]
# lab.use_real_aws("my-profile")

# %% tags=["real-aws"]
# %%real_aws 03 | 2 Aurora db.t4g.medium
import secrets

real = lab.aws.rds
real.create_db_cluster(
    DBClusterIdentifier="aurora-lab-03",
    Engine="aurora-postgresql",
    EngineVersion=lab.aws.engine_version(),
    MasterUsername="clerk",
    MasterUserPassword=secrets.token_urlsafe(20),
    Tags=lab.aws.tags,
)
for name in ("aurora-lab-03-1", "aurora-lab-03-2"):
    real.create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier="aurora-lab-03",
        Engine="aurora-postgresql",
        DBInstanceClass="db.t4g.medium",
        PubliclyAccessible=False,
        Tags=lab.aws.tags,
    )
for name in ("aurora-lab-03-1", "aurora-lab-03-2"):
    real.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)

# %% [markdown]
# Ask DNS where the names lead, and who writes. The addresses belong to the network of the account: you look at them,
# and connect nowhere. (Some routers at home hold back such an answer. Then the cell says `no answer`.)

# %% tags=["real-aws"]
# %%real_aws
import socket


def address(host):
    """What DNS answers."""
    try:
        return socket.gethostbyname(host)
    except OSError:
        return "no answer"


cluster = real.describe_db_clusters(DBClusterIdentifier="aurora-lab-03")["DBClusters"][0]
for member in cluster["DBClusterMembers"]:
    name = member["DBInstanceIdentifier"]
    found = real.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    print(address(found["Endpoint"]["Address"]), name, "writes:", member["IsClusterWriter"])
print(address(cluster["Endpoint"]), "the cluster endpoint")
print(address(cluster["ReaderEndpoint"]), "the reader endpoint")

# %% [markdown]
# Then fail over, and see how long the old answer goes on. The fact table says: typically under 30 s [3.18].

# %% tags=["real-aws"]
# %%real_aws
before, since = address(cluster["Endpoint"]), time.monotonic()
real.failover_db_cluster(DBClusterIdentifier="aurora-lab-03")
while address(cluster["Endpoint"]) == before and time.monotonic() - since < 180:
    time.sleep(1)
took = time.monotonic() - since
print(f"{before} → {address(cluster['Endpoint'])} after {took:.0f} s")

# %% tags=["real-aws"]
# %%real_aws
lab.aws.remove_everything()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | which instance each name leads to, and what it refuses | DNS: the lab answers by itself, one answer for all clients of this machine | resolvers on the way, with memories of their own |
# | an answer that is kept after it has become wrong | its 5 seconds [3.16] pass faster | a failover that changes DNS in under 30 s [3.18] |
# | custom endpoints, their types and lists | they are there at once | more than 5 a cluster, if you ask for them [3.15] |
# | TLS to each of these names | the certificate authority | AWS's own [3.23] |

# %% [markdown]
# ## One more question
#
# All names lead to instances, and behind all instances is one volume. You have seen six storage nodes in lesson 01.
# How many of them may fail before a sale has to wait? And before a read? In lesson 04 you take them away, one by one.
