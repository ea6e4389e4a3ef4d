# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "00"
#     title: Start here
#     minutes: 25
#     objectives:
#       - run cells, commit to predictions, and let a check look at what you did
#       - get hints, see your progress, begin again
#       - make a first Aurora cluster, write a row into it, and remove it
#     when_late: Leave out 00.5. The rest does not need it.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# ## Your own piece of AWS
#
# This notebook talks to the **lab**: a small region on this machine that answers as AWS does. You make database
# clusters with the tools that you would use on AWS, and real PostgreSQL servers start behind them. Nothing costs
# anything, and nothing that you break here matters.
#
# Click into the next cell and press **Shift-Enter**. That runs it.

# %%
import os

import boto3

from aurora_lab import lab

os.environ.update(PGUSER="me", PGPASSWORD="first-steps-1", PGDATABASE="postgres")
rds = boto3.client("rds")
lab.map()

# %% [markdown]
# The map is empty: there is no cluster yet. `boto3` is AWS's own library for Python, and `rds` now stands for Amazon
# RDS, the service that Aurora belongs to. The map comes again after each change to a cluster.
#
# A long red error? Read it from the end: there stands what is wrong.
#
# ## 1 · Predict, do, check
#
# Every experiment begins with a question. Nobody grades your answer, but give one **before** you look: what you
# expected wrongly you will remember.
#
# **Predict.** You ask this `rds` which versions of Aurora PostgreSQL it offers. Who answers?
#
# - **a** AWS, over the internet
# - **b** a program on this machine
# - **c** nobody: you have no account
#
# Put your letter between the quotes, and run the cell.

# %% predict="00.1"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("00.1", choice)

# %%
print(rds.meta.endpoint_url)
found = rds.describe_db_engine_versions(Engine="aurora-postgresql")
for item in found["DBEngineVersions"]:
    print(item["Engine"], item["EngineVersion"], item["Status"])

# %% [markdown]
# The address in the first line, 127.0.0.1, is that of this machine.
#
# ### 00.1 Give an answer
#
# Put the version that you have just seen into the variable `version`, as a string: replace the three dots. Run the
# cell, then the check below it.

# %% exercise="00.1"
version = ...
### BEGIN SOLUTION
version = found["DBEngineVersions"][0]["EngineVersion"]
### END SOLUTION

# %% check="00.1"
lab.check("00.1")

# %% [markdown]
# Green: done. Anything else: the card says **what the check saw** and what it expected. It looks from outside, at the
# region and the databases; how you got there is your business. Check as often as you like.
#
# ## 2 · A mistake in somebody else's script
#
# A colleague sends you a line of the **AWS CLI**, AWS's tool for the command line. In a notebook such a line begins
# with `!`. It should make an Aurora cluster named `first`.
#
# **Predict.** One of its values has a typo. What will the region do?
#
# - **a** guess what was meant
# - **b** make a cluster that does not work
# - **c** say what is wrong, and make nothing

# %% predict="00.2"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("00.2", choice)

# %% [markdown]
# ### 00.2 Fix it
#
# Run the cell, read the last line of the answer, fix the script, and run it again. Stuck? `lab.hint("00.2")` in a cell
# of your own gives one hint more each time.

# %% exercise="00.2"
os.environ["ENGINE"] = "aurora-postgres"
### BEGIN SOLUTION
os.environ["ENGINE"] = "aurora-postgresql"
### END SOLUTION
# !aws rds create-db-cluster --db-cluster-identifier first --engine "$ENGINE" \
#   --master-username "$PGUSER" --master-user-password "$PGPASSWORD" \
#   --query DBCluster.Status --output text

# %% check="00.2"
lab.check("00.2")

# %%
lab.map()

# %% [markdown]
# ## 3 · The first instance
#
# An Aurora cluster is a **cluster volume**, which holds the data, and **DB instances**, which compute on it [1.1].
# A cluster that is made by the API has no instance [1.26], as the map shows. (A number in brackets names the row of
# the fact table that a sentence comes from; `!aurora-lab facts 1.26` in a cell shows it. What the map says of the
# storage nodes is for lessons 01 and 04.)
#
# **Predict.** What can you do with a cluster without an instance?
#
# - **a** read, but not write
# - **b** nothing in SQL: nobody is there to answer
# - **c** everything: the volume answers

# %% predict="00.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("00.3", choice)

# %% [markdown]
# The next cell tries. `psql` is PostgreSQL's command line, and `-c` gives it a statement.

# %%
cluster = rds.describe_db_clusters(DBClusterIdentifier="first")["DBClusters"][0]
os.environ["WRITER"] = cluster["Endpoint"]
# !psql -h "$WRITER" -c "select 1"

# %% [markdown]
# ### 00.3 Add an instance
#
# Make the DB instance `first-1` in the cluster `first`, with the engine `aurora-postgresql` and the instance class
# `db.t4g.medium`, which is its size. Then wait until it is available.
#
# `rds.create_db_instance(...)` makes it. `rds.get_waiter("db_instance_available").wait(...)` waits. The CLI's
# `--db-cluster-identifier` is `DBClusterIdentifier` in boto3; likewise `DBInstanceIdentifier` and `DBInstanceClass`.

# %% exercise="00.3"
### BEGIN SOLUTION
rds.create_db_instance(
    DBInstanceIdentifier="first-1",
    DBClusterIdentifier="first",
    Engine="aurora-postgresql",
    DBInstanceClass="db.t4g.medium",
)
rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="first-1")
### END SOLUTION
lab.map()

# %% check="00.3"
lab.check("00.3")

# %% [markdown]
# That is an Aurora cluster: a volume, one instance, and two names to reach it by. The **writer endpoint** leads to the
# instance that writes [3.1]; the **reader endpoint** leads to readers, and to the writer until there are any [3.11].
# `us-west-2a` on the map is an **availability zone** (AZ): a place that can fail without the others. The tier says who
# takes over first.
#
# ## 4 · Write something
#
# **Predict.** You insert a row in a transaction, and close psql without a `commit`. What does the next one read?
#
# - **a** the row
# - **b** no row
# - **c** an error, until somebody commits

# %% predict="00.4"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("00.4", choice)

# %% language="bash"
# psql -q -h "$WRITER" <<'SQL'
# create table trial (word text);
# begin;
# insert into trial values ('lost?');
# SQL
# psql -h "$WRITER" -c "select * from trial"

# %% [markdown]
# ### 00.4 Leave a note
#
# Through the writer endpoint make a table `notes` with one column `note` of type `text`, and leave three notes or more
# in it. A cell that begins with `%%bash` takes lines as a terminal does.
#
# Or use a terminal: File > New > Terminal. It does not know the variables of this notebook: there
# `aurora-lab psql first` leads to the writer endpoint, and the password is in the first cell.

# %% exercise="00.4" language="bash"
# ### BEGIN SOLUTION
# psql -h "$WRITER" <<'SQL'
# create table notes (note text);
# insert into notes values ('a cell runs with Shift-Enter'),
#   ('a check looks from outside'), ('what is not committed is gone');
# select * from notes;
# SQL
# ### END SOLUTION

# %% check="00.4"
lab.check("00.4")

# %% [markdown]
# ## 5 · Who is there?
#
# **Predict.** Aurora has a function that says which instance you are connected to [7.34]. You asked for the name in
# `$WRITER`. What will it say?
#
# - **a** `first`
# - **b** `first-1`
# - **c** the host name in `$WRITER`

# %% predict="00.5"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("00.5", choice)

# %% [markdown]
# ### 00.5 Ask it
#
# Ask `select aurora_db_instance_identifier()` through the writer endpoint, and keep the answer in the variable `who`.
# `who = !command` keeps the lines that a command prints; `psql -At` prints bare values.

# %% exercise="00.5"
who = ...
### BEGIN SOLUTION
# who = !psql -h "$WRITER" -Atc "select aurora_db_instance_identifier()"
### END SOLUTION
print(who)

# %% check="00.5"
lab.check("00.5")

# %% [markdown]
# An endpoint is a name. The instance behind it may be another one tomorrow; lesson 05 makes that happen.
#
# ## 6 · Clean up
#
# **Predict.** You delete the cluster while its instance is still there. What happens?
#
# - **a** both go
# - **b** it is refused
# - **c** the cluster goes, the instance stays

# %% predict="00.6"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("00.6", choice)

# %%
# !aws rds delete-db-cluster --db-cluster-identifier first --skip-final-snapshot

# %% [markdown]
# ### 00.6 Remove both
#
# Delete the instance, then the cluster. Keep no final snapshot, which is a last backup: `SkipFinalSnapshot=True`. Wait
# until both are gone; there are waiters named `db_instance_deleted` and `db_cluster_deleted`.

# %% exercise="00.6"
### BEGIN SOLUTION
rds.delete_db_instance(DBInstanceIdentifier="first-1")
rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="first-1")
rds.delete_db_cluster(DBClusterIdentifier="first", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="first")
### END SOLUTION
lab.map()

# %% check="00.6"
lab.check("00.6")

# %%
lab.progress()

# %% [markdown]
# ## When something goes wrong
#
# | what happened | what to do |
# |---|---|
# | a cell runs for ever | press the square (Interrupt) above the notebook |
# | you closed everything | run `uv run aurora-lab` again; clusters and notebooks are kept |
# | you want to begin this lesson again | `aurora-lab reset 00` in a terminal; your old notebook is kept beside it |
# | you want an empty region | `aurora-lab reset` |
# | nothing works | `aurora-lab doctor` says what is missing |

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | boto3, the AWS CLI, psql | the RDS API: a program on this machine | machines in three buildings |
# | PostgreSQL, its transactions, its errors | an instance class: the server here has the machine's own speed | an instance of just that size |
# | the endpoint's name, and TLS to it | the friendly end of some error messages | the exact words of AWS |
# | what psql shows | a new cluster takes a second; on AWS, minutes | bills |

# %% [markdown]
# ## One more question
#
# You deleted the instance first, and then the cluster. In between nobody could compute. Where were your notes? Go on
# with lesson 01: there the only instance goes, and the rows stay.
