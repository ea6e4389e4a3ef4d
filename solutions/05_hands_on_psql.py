# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "05"
#     title: Hands-on with psql
#     minutes: 75
#     objectives:
#       - create an Aurora PostgreSQL cluster and its instances, with the AWS CLI and with boto3
#       - connect with psql, and know what `verify-full` checks
#       - add readers, and say which instance answers behind each endpoint
#       - tell from experience what a failover changes for a client, and what it does not
#     when_late: Leave out 05.7. The rest does not need it.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] picture="05_goal.png"
# ## What you will build
#
# <img src="attachment:05_goal.png" width="720" alt="A cluster: a writer, two readers, three endpoints, one volume">
#
# Everything runs in the **lab**: a region on this machine that answers as AWS does. You use the real AWS CLI,
# boto3 and psql. Numbers like [1.1] name the row of the fact table that a sentence comes from.

# %% [markdown]
# ## How it goes
#
# 1. You **predict** what will happen. Nobody grades a prediction, but commit to it before you look.
# 2. You **do** it, in a cell or in a terminal (File > New > Terminal).
# 3. You **check** it. The check looks at the region and the databases, not at your code.
#
# Run the first cell now. It sets the login that your cluster will have.

# %%
import os

import boto3

from aurora_lab import lab

os.environ.update(PGUSER="librarian", PGPASSWORD="quiet-please-5", PGDATABASE="library")
rds = boto3.client("rds")
lab.map()

# %% [markdown]
# ## 1 · A cluster
#
# An Aurora cluster is one **cluster volume**, which holds the data, and **DB instances**, which compute on it:
# one writer and up to 15 readers [1.1]. Volume and instances are made by separate calls.
#
# **Predict.** `create-db-cluster` has returned, and the cluster is `available`. How many DB instances does it have?
#
# - **a** none
# - **b** one, the writer
# - **c** three, one in each availability zone (AZ)

# %% predict="05.1"
choice = "?"
### BEGIN SOLUTION
choice = "a"
### END SOLUTION
lab.predict("05.1", choice)

# %% [markdown]
# ### 05.1 Create the cluster
#
# Use the AWS CLI. The command is `aws rds create-db-cluster`. Then wait until the cluster is available: what boto3 has
# as waiters, the CLI has as commands, `aws rds wait db-cluster-available` and others.
#
# | what | value |
# |---|---|
# | identifier | `library` |
# | engine | `aurora-postgresql` |
# | database name | `library` |
# | master user name | `$PGUSER` |
# | master user password | `$PGPASSWORD` |

# %% exercise="05.1" language="bash"
# ### BEGIN SOLUTION
# aws rds create-db-cluster --db-cluster-identifier library \
#   --engine aurora-postgresql --database-name library \
#   --master-username "$PGUSER" --master-user-password "$PGPASSWORD" \
#   --query "DBCluster.[DBClusterIdentifier, Status]" --output text
# aws rds wait db-cluster-available --db-cluster-identifier library
# ### END SOLUTION

# %% check="05.1"
lab.check("05.1")

# %% [markdown]
# Now ask the same API from Python. Find the two host names, and the list of members.

# %%
cluster = rds.describe_db_clusters(DBClusterIdentifier="library")["DBClusters"][0]
for name in ("Status", "Engine", "Endpoint", "ReaderEndpoint", "DBClusterMembers"):
    print(f"{name:17} {cluster[name]}")
lab.map()

# %% [markdown]
# The cluster has two endpoints already: the **cluster endpoint** leads to the writer [3.1], and the
# **reader endpoint** has `-ro` in it [3.2]. The label after `cluster-` and `cluster-ro-` is the same for all your
# endpoints in one account and Region [3.5]. There is a volume, and nothing that computes [1.26].
#
# ## 2 · The first instance
#
# **Predict.** You add the first DB instance. Which role does it get?
#
# - **a** reader, until you promote it
# - **b** writer
# - **c** none, until there is a second one

# %% predict="05.2"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("05.2", choice)

# %% [markdown]
# ### 05.2 Add an instance
#
# This time use boto3. `rds.create_db_instance(...)` makes it, `rds.get_waiter("db_instance_available")` waits for it.
#
# | what | value |
# |---|---|
# | instance identifier | `library-1` |
# | cluster identifier | `library` |
# | engine | `aurora-postgresql` |
# | instance class | `db.r6g.large` |
# | availability zone | `us-west-2a` |

# %% exercise="05.2"
### BEGIN SOLUTION
rds.create_db_instance(
    DBInstanceIdentifier="library-1",
    DBClusterIdentifier="library",
    Engine="aurora-postgresql",
    DBInstanceClass="db.r6g.large",
    AvailabilityZone="us-west-2a",
)
rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="library-1")
### END SOLUTION
lab.map()

# %% check="05.2"
lab.check("05.2")

# %% [markdown]
# ## 3 · psql
#
# Put the two names into the environment of this notebook, and say hello. `aurora_version()` is the version of
# Aurora, not of PostgreSQL [7.33].
#
# Do you prefer a terminal? Paste the line that the cell prints into it.

# %%
cluster = rds.describe_db_clusters(DBClusterIdentifier="library")["DBClusters"][0]
os.environ["WRITER"] = cluster["Endpoint"]
os.environ["READER"] = cluster["ReaderEndpoint"]
names = ("PGUSER", "PGPASSWORD", "PGDATABASE", "WRITER", "READER")
print("export", *(f"{name}={os.environ[name]}" for name in names))
# !psql -h "$WRITER" -x -c "select aurora_db_instance_identifier(), aurora_version()"

# %% [markdown]
# You did not say how to encrypt: the lab sets `PGSSLMODE=verify-full`. psql then demands encryption, a certificate
# that a trusted authority has signed, and in it the very name that you asked for [3.28].
#
# **Predict.** The next cell connects with `sslmode=disable`. What happens?
#
# - **a** it connects, without encryption
# - **b** it is refused
# - **c** it connects, and the server encrypts anyway

# %% predict="05.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("05.3", choice)

# %%
# !psql "host=$WRITER sslmode=disable" -c "select 1"
# !psql "host=$WRITER sslmode=verify-full" \
#   -c "select ssl, version, cipher from pg_stat_ssl where pid = pg_backend_pid()"

# %% [markdown]
# ### 05.3 A table with rows
#
# Connect through the writer endpoint and make the table `books` in the database `library`:
#
# | column | what |
# |---|---|
# | `id` | integer, generated, primary key |
# | `title` | text |
# | `year` | integer |
# | `written_by` | text, default `aurora_db_instance_identifier()` |
#
# Then insert three books or more. Do not name `written_by`: its default notes which instance wrote the row.
# You will need that.

# %% exercise="05.3" language="bash"
# ### BEGIN SOLUTION
# psql -h "$WRITER" <<'SQL'
# create table books (
#   id integer generated always as identity primary key,
#   title text not null,
#   year integer,
#   written_by text default aurora_db_instance_identifier()
# );
# insert into books (title, year)
#   values ('Momo', 1973), ('Dune', 1965), ('Ficciones', 1944);
# select * from books;
# SQL
# ### END SOLUTION

# %% check="05.3"
lab.check("05.3")

# %% [markdown]
# ## 4 · Readers
#
# **Predict.** Imagine 100 GB in `books`. On AWS you add a reader. What must be copied to it before it can serve?
#
# - **a** 100 GB
# - **b** only what changed last
# - **c** nothing

# %% predict="05.4"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("05.4", choice)

# %% [markdown]
# ### 05.4 Add two readers
#
# Add `library-2` and `library-3` to the cluster, of the same class, and wait for both. Put each into an AZ of its
# own, other than the writer's. At least one reader of the same class in another AZ is what AWS recommends [4.16].
#
# Use the AWS CLI or boto3, as you like.

# %% exercise="05.4" language="bash"
# ### BEGIN SOLUTION
# add() {
#   aws rds create-db-instance --db-instance-identifier "$1" --availability-zone "$2" \
#     --db-cluster-identifier library --engine aurora-postgresql \
#     --db-instance-class db.r6g.large \
#     --query "DBInstance.[DBInstanceIdentifier, DBInstanceStatus]" --output text
# }
# add library-2 us-west-2b
# add library-3 us-west-2c
# aws rds wait db-instance-available --db-instance-identifier library-2
# aws rds wait db-instance-available --db-instance-identifier library-3
# ### END SOLUTION

# %% check="05.4"
lab.check("05.4")

# %%
# !psql -h "$READER" -c "select aurora_db_instance_identifier(), count(*) from books"
lab.map()

# %% [markdown]
# ## 5 · A reader says no
#
# **Predict.** You send an `INSERT` through the reader endpoint. What happens?
#
# - **a** the reader passes it on to the writer
# - **b** an error
# - **c** it works, and only this reader has the row

# %% predict="05.5"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("05.5", choice)

# %% [markdown]
# ### 05.5 Get refused
#
# In **one** psql call through the reader endpoint, first ask which instance you are on, then insert a book.
# Keep what psql prints, errors too, in the variable `refusal`. The check wants to see the error's code.
#
# Useful: `-c` may be given twice, `-At` prints bare values, `-v VERBOSITY=verbose` adds the code of an error,
# `2>&1` catches errors. `refusal = !command` keeps the lines that a command prints. Only a plain `=` can stand before
# the `!`.

# %% exercise="05.5"
refusal = []
### BEGIN SOLUTION
# refusal = !psql -h "$READER" -At -v VERBOSITY=verbose \
#   -c "select aurora_db_instance_identifier()" \
#   -c "insert into books (title, year) values ('Ulysses', 1922)" 2>&1
### END SOLUTION
print(*refusal, sep="\n")

# %% check="05.5"
lab.check("05.5")

# %% [markdown]
# ## 6 · Which instance answers?
#
# First, three statements in one session through the reader endpoint. Then ten sessions, one right after the other.
#
# **Predict** the ten.
#
# - **a** the two readers alternate
# - **b** the same reader several times in a row
# - **c** each session moves between the readers

# %% predict="05.6"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("05.6", choice)

# %% language="bash"
# ask="select aurora_db_instance_identifier()"
# echo "one session:  " $(psql -h "$READER" -At -c "$ask" -c "$ask" -c "$ask")
# echo "ten sessions: " $(for i in $(seq 10); do psql -h "$READER" -Atc "$ask"; done)

# %% [markdown]
# The reader endpoint balances **connections, not queries** [3.9]. It does so by DNS: each lookup gives one reader's
# address, at random [3.10]. And an answer lives for 5 seconds [3.16]: until then your machine asks nobody.
#
# ### 05.6 Count who answers
#
# Make ten or more **new connections** to each endpoint, and note who answers: `from_writer` and `from_reader`, lists
# of instance names. Let an answer die between two connections to the reader endpoint, so that both readers turn up.
#
# In the lab 5 seconds pass faster. `$DNS_TTL` says how many real seconds they take.

# %%
os.environ["DNS_TTL"] = str(lab.dns_ttl())
os.environ["ASK"] = "select aurora_db_instance_identifier()"
print("An answer of DNS lives", os.environ["DNS_TTL"], "seconds here.")

# %% exercise="05.6"
from_writer, from_reader = [], []
### BEGIN SOLUTION
# from_writer = !for i in $(seq 10); do psql -h "$WRITER" -Atc "$ASK"; done
# from_reader = !for i in $(seq 16); do psql -h "$READER" -Atc "$ASK"; sleep "$DNS_TTL"; done
### END SOLUTION
print("writer endpoint:", *from_writer)
print("reader endpoint:", *from_reader)

# %% check="05.6"
lab.check("05.6")

# %% [markdown]
# ## 7 · An endpoint of your own
#
# A monthly report must not slow the other readers down. A **custom endpoint** leads to a group of instances that
# you choose, by a list of members (`StaticMembers`) or of exceptions (`ExcludedMembers`), never both [3.15].
#
# ### 05.7 A custom endpoint
#
# Create the custom endpoint `library-reports` of type `READER` that leads to `library-3`, and to nothing else, also
# when you add readers later. The call is `create-db-cluster-endpoint`, or `rds.create_db_cluster_endpoint`.

# %% exercise="05.7"
### BEGIN SOLUTION
rds.create_db_cluster_endpoint(
    DBClusterIdentifier="library",
    DBClusterEndpointIdentifier="library-reports",
    EndpointType="READER",
    StaticMembers=["library-3"],
)
### END SOLUTION
found = rds.describe_db_cluster_endpoints(DBClusterIdentifier="library")
for endpoint in found["DBClusterEndpoints"]:
    print(endpoint["EndpointType"], endpoint["Endpoint"])

# %% check="05.7"
lab.check("05.7")

# %% [markdown]
# ## 8 · Failover
#
# You will make `library-2` the writer.
#
# **Predict.** What must a program that writes through the writer endpoint change afterwards?
#
# - **a** the host name
# - **b** nothing; it must connect again
# - **c** nothing at all; its open connection moves

# %% predict="05.8"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("05.8", choice)

# %% [markdown]
# ### 05.8 Fail over, and write again
#
# 1. Fail over to `library-2` with `aws rds failover-db-cluster`.
# 2. Wait until the cluster is available again.
# 3. Through `$WRITER`, the same name as before, insert a book titled `After the failover`.
#
# If the insert is refused, look at the error. You have met it before. What might still be 5 seconds old?

# %% exercise="05.8" language="bash"
# ### BEGIN SOLUTION
# aws rds failover-db-cluster --db-cluster-identifier library \
#   --target-db-instance-identifier library-2 --query DBCluster.Status --output text
# aws rds wait db-cluster-available --db-cluster-identifier library
# sleep "$DNS_TTL"
# psql -h "$WRITER" -c "insert into books (title, year) values ('After the failover', 2026)"
# ### END SOLUTION

# %% check="05.8"
lab.check("05.8")

# %%
# !psql -h "$WRITER" -c "select title, written_by from books order by id"
found = rds.describe_events(SourceType="db-cluster", SourceIdentifier="library")
for event in found["Events"]:
    print(event["Message"])
lab.map()

# %% [markdown]
# The name stayed, the instance behind it is another one, and no row is missing. Every connection to the old writer
# was cut; DNS never moves an open connection [3.19]. The old writer came back as a reader [3.13].
#
# ## 9 · No reader left
#
# **Predict.** You delete both readers. Only the writer is left. You insert through the **reader** endpoint.
#
# - **a** no connection: nothing is behind the name
# - **b** refused, as in 05.5
# - **c** it works

# %% predict="05.9"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("05.9", choice)

# %% [markdown]
# ### 05.9 Write through the reader endpoint
#
# 1. Delete the two readers: `library-1` and `library-3`. Wait until they are gone.
# 2. Through `$READER`, insert a book titled `Through the reader endpoint`.

# %% exercise="05.9"
### BEGIN SOLUTION
for name in ("library-1", "library-3"):
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
    rds.delete_db_instance(DBInstanceIdentifier=name)
for name in ("library-1", "library-3"):
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
# !sleep "$DNS_TTL"
# !psql -h "$READER" \
#   -c "insert into books (title, year) values ('Through the reader endpoint', 2026)"
### END SOLUTION

# %% check="05.9"
lab.check("05.9")

# %% [markdown]
# So `-ro` in a name is no promise. A program that must not write has to look: `show transaction_read_only` says `on`
# on a reader [7.12].

# %%
# !psql -h "$READER" -Atc "show transaction_read_only"
lab.map()

# %% [markdown]
# ## 10 · Clean up
#
# On AWS each of the three `db.r6g.large` costs $0.26 an hour, day and night (us-east-1, price of 2026-03) [8.16].
#
# ### 05.10 Remove everything
#
# Remove the custom endpoint, the instance and the cluster. Keep no final snapshot. Find out in which order it works:
# the API's answers are clear, and a refused call breaks nothing.

# %% exercise="05.10"
### BEGIN SOLUTION
rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="library-reports")
rds.delete_db_instance(DBInstanceIdentifier="library-2")
rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="library-2")
rds.delete_db_cluster(DBClusterIdentifier="library", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="library")
### END SOLUTION
lab.map()

# %% check="05.10"
lab.check("05.10")

# %% [markdown]
# ## Optional: the same on AWS
#
# The next cells use a real AWS account and cost money. They do nothing until you ask for them: remove the `#` in the
# first one and name a profile from your `~/.aws` folder. They open a session of their own.
#
# `aurora-lab aws plan 05`, in a terminal, says what they make and what it costs. All of it carries the tags
# `made-by=aurora-lab`, the lesson, and when it expires. The last cell removes all that carries the first tag, and so
# does `aurora-lab aws teardown`, also when this notebook is gone.

# %% tags=["real-aws"]
# lab.use_real_aws("my-profile")

# %% tags=["real-aws"]
# %%real_aws 05 | 1 Aurora db.t4g.medium
import secrets

lab.aws.rds.create_db_cluster(
    DBClusterIdentifier="aurora-lab-05",
    Engine="aurora-postgresql",
    EngineVersion=lab.aws.engine_version(),
    MasterUsername="librarian",
    MasterUserPassword=secrets.token_urlsafe(20),
    Tags=lab.aws.tags,
)
lab.aws.rds.create_db_instance(
    DBInstanceIdentifier="aurora-lab-05-1",
    DBClusterIdentifier="aurora-lab-05",
    Engine="aurora-postgresql",
    DBInstanceClass="db.t4g.medium",
    PubliclyAccessible=False,
    Tags=lab.aws.tags,
)
waiter = lab.aws.rds.get_waiter("db_instance_available")
waiter.wait(DBInstanceIdentifier="aurora-lab-05-1")
found = lab.aws.rds.describe_db_clusters(DBClusterIdentifier="aurora-lab-05")
print(found["DBClusters"][0]["Endpoint"])

# %% tags=["real-aws"]
# %%real_aws
lab.aws.remove_everything()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | AWS CLI, boto3, psql, PostgreSQL, TLS with `verify-full` | the RDS API | machines, networks, bills |
# | readers follow the writer and refuse writes | a new reader first copies the data; on AWS it does not [4.7] | one volume, shared by all instances |
# | a reader is promoted, no committed row is lost | it takes a second; on AWS often under 30 s [4.8] | failover across buildings |
# | who is behind each name | DNS: one answer for all clients, and its 5 s pass faster | real resolvers on the way |
# | `sslmode=disable` is refused | by the lab's router; on AWS by `rds.force_ssl` [3.27] | AWS's certificate authorities [3.23] |

# %% [markdown]
# ## One more question
#
# You chose `db.r6g.large` three times. At three in the morning nobody reads, and three instances still run at full
# size. When the report starts, they are too small. What if an instance could grow and shrink by itself, and could
# you tell what that costs? Lesson 06 tries it: Serverless v2.
