"""Lesson 03: hints, from a nudge to nearly the answer."""

from __future__ import annotations

NAMES = [
    "Compare what is between the first dot and the `ID`: that part says which kind of endpoint it is.",
    "`cluster-` and `cluster-ro-` stand before the `ID`, after the cluster's own name. An instance's name has neither.",
    "Nearly all of it:\n"
    '"writer": f"tickets.cluster-{label}",\n'
    '"reader": f"tickets.cluster-...",\n'
    '"tickets-2": f"tickets-2...."',
]

FAILOVER = [
    "Which of the four kinds of names leads to whoever writes?",
    'It is in `$WRITER`: `os.environ["WRITER"]`. If ticket 3 is refused, wait `lab.dns_ttl()` seconds and sell it '
    "again.",
    "Nearly all of it:\n"
    'rds.failover_db_cluster(DBClusterIdentifier="tickets", TargetDBInstanceIdentifier=...)\n'
    'rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="tickets")\n'
    'rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=...)\n'
    "sell(2, host)\n"
    "host = os.environ[...]\n"
    "sell(3, host)",
]

POOL = [
    "When does a lookup give another answer?",
    "Once the old answer has died: sleep `lab.dns_ttl()` seconds between two connections.",
    "Nearly all of it:\n"
    "for _ in range(20):\n"
    '    pool.append(psycopg.connect(host=os.environ["READER"]))\n'
    "    time.sleep(...)",
]

GROUPS = [
    "Two calls of `create_db_cluster_endpoint`, which differ in the name and in the list, and one of `add`.",
    "The report takes `StaticMembers`, the website `ExcludedMembers`; in both lists there is tickets-3.",
    "Nearly all of it:\n"
    "rds.create_db_cluster_endpoint(\n"
    '    DBClusterIdentifier="tickets", DBClusterEndpointIdentifier="report",\n'
    '    EndpointType="READER", StaticMembers=[...])\n'
    "... the same for website, with ExcludedMembers\n"
    'add("tickets-4", "us-west-2a")',
]

PROMOTED = [
    "tickets-2 is a reader now. Two members of a group are hardly ever promoted at once.",
    "Give the report a second member, and put the same two on the website's list of exceptions.",
    "Nearly all of it:\n"
    "rds.modify_db_cluster_endpoint(\n"
    '    DBClusterEndpointIdentifier="report", StaticMembers=["tickets-2", ...])\n'
    'rds.modify_db_cluster_endpoint(DBClusterEndpointIdentifier="website", ...)',
]

JOB = [
    "It is not the name that must refuse, but the session: give it a setting when it begins.",
    'In a shell, `NAME="value" command` sets a variable for one command. `2>&1` keeps errors too.',
    "Nearly all of it:\n"
    'job = !PGOPTIONS="-c default_transaction_read_only=..." psql -h "$READER" -c "$JOB" 2>&1',
]

RENAME = [
    "The old name in `$WRITER` does not change by itself: somebody has to ask the API again.",
    '`describe_db_clusters(DBClusterIdentifier="boxoffice")` gives the cluster; its `Endpoint` is the new name.',
    "Nearly all of it:\n"
    'rds.modify_db_cluster(DBClusterIdentifier="tickets", NewDBClusterIdentifier=..., ApplyImmediately=True)\n'
    'cluster = rds.describe_db_clusters(DBClusterIdentifier="boxoffice")["DBClusters"][0]\n'
    'os.environ["WRITER"] = cluster[...]\n'
    'sell(100, os.environ["WRITER"])',
]
