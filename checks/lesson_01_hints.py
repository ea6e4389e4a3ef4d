"""Lesson 01: hints, from a nudge to nearly the answer."""

from __future__ import annotations

CRASH = [
    "The till takes three arguments: the first number, the last one, and what goes wrong half way.",
    "Only stored orders can be counted: subtract. `count(*)` of the orders up to 200 tells how many there are, and "
    "`name = !command` keeps what a command prints.",
    "Nearly all of it:\n"
    'wait = take_orders(1, 200, fault="...")\n'
    'missing = !psql -h "$WRITER" -Atc "select 200 - ... from orders where id <= 200"',
]

SCRIPT = [
    "psql marks the first place that it does not understand. There are two things that only MySQL knows.",
    "Backticks around a name go, in both statements. For `auto_increment` PostgreSQL has "
    "`generated always as identity`.",
    "Nearly all of it:\n"
    "create table customers (id integer generated ... primary key, name varchar(40));\n"
    "insert into customers (name) values ...;",
]

SETTINGS = [
    "The names are among those that the cell above has printed.",
    "`BackupRetentionPeriod` takes days, `PreferredMaintenanceWindow` a text as the cell above has printed it. The "
    "cluster is named by `DBClusterIdentifier`.",
    "Nearly all of it:\n"
    'rds.modify_db_cluster(DBClusterIdentifier="bakery", BackupRetentionPeriod=...,\n'
    '    PreferredMaintenanceWindow="Mon:03:00-...")',
]

ANOTHER = [
    "First make the cluster empty, and only then give it another instance.",
    '`remove("bakery-1")` waits until it is gone. Look at `lab.map()` before you go on.',
    "Nearly all of it:\n"
    'remove("bakery-1")\n'
    'add("bakery-2", "us-west-...")\n'
    '!psql -h "$WRITER" -c "select count(*) from orders"',
]

COPIES = [
    "The statement that counts is the same both times; only the number of instances changes in between.",
    'Put it between two calls of psql: `before = !psql -h "$WRITER" -Atc "select count(*) from ..."`, then add.',
    "Nearly all of it:\n"
    'before = !psql -h "$WRITER" -Atc "select count(*) from aurora_lab_storage_nodes()"\n'
    'add("bakery-3", "us-west-2c")\n'
    "... the other reader, and the same count into `after`",
]

SPREAD = [
    "Which names lead to the right instance by themselves, whoever that is today?",
    "A cluster has two endpoints: one leads to the writer, the other to readers. They are in `$WRITER` and `$READER`.",
    'Nearly all of it: `to_write = [os.environ["..."]]` and `to_read = os.environ["..."]`. The brackets stay: it is a '
    "list.",
]

GAP = [
    "As in 01.1, with other numbers, and with whoever writes now: `who` goes into the fault.",
    '`who = !psql -h "$WRITER" -Atc "select aurora_db_instance_identifier()"` gives a list of one name. The fault is '
    'then f"instance {who[0]}".',
    "Nearly all of it:\n"
    'gap = take_orders(501, 700, fault=f"instance ...")\n'
    'missing = !psql -h "$WRITER" -Atc "select 200 - count(*) from orders where id between ..."',
]

FEWEST = [
    "She wants two things: that it goes on, and that it is cheap. What is the least that can take over?",
    "Remove one of the two readers; which one does not matter here, as they are in different AZs. Then see in "
    "`lab.map()` in which AZ the writer is.",
    "Nearly all of it, if bakery-4 is a reader and the writer is in us-west-2c:\n"
    'remove("bakery-4")\n'
    'gap = take_orders(801, 1000, fault="az ...")\n'
    'lab.fault("az", ..., "undo")',
]

REPORT = [
    "Two calls, as in the text: the range belongs to the cluster, the class to the instance.",
    '`rds.modify_db_cluster(..., ServerlessV2ScalingConfiguration={...})`, then `add(..., size="db.serverless")`.',
    "Nearly all of it:\n"
    "rds.modify_db_cluster(\n"
    '    DBClusterIdentifier="bakery",\n'
    '    ServerlessV2ScalingConfiguration={"MinCapacity": ..., "MaxCapacity": ...})\n'
    'add("bakery-report", "us-west-2a", size=...)\n'
    'os.environ["REPORT"] = instances()["bakery-report"]["Endpoint"]["Address"]\n'
    '!psql -h "$REPORT" -c "select count(*) from orders"',
]
