"""Lesson 00: known wrong answers by the name of their mistake, with the way back for the tests."""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong

VERSION = {
    "only-major": Wrong(
        'version = "17"',
        "That is the major version alone. The API wants, and gives, all of it: the part behind the dot too.",
    ),
    "a-number": Wrong(
        "version = 17.1",
        "A number loses what is behind it: 17.10 and 17.1 would be the same. A version is a string, in quotes.",
    ),
    "a-list": Wrong(
        'version = [item["EngineVersion"] for item in found["DBEngineVersions"]]',
        "The answer is a list of one, because a region may offer several. Take the first: `[0]`.",
    ),
    "no-version": Wrong(
        'version = "aurora-postgresql"',
        "It holds the engine's name. What is asked for is the version alone, which stands behind it.",
    ),
}


def _cluster(name: str, user: str = "$PGUSER", more: str = "") -> str:
    return (
        f"!aws rds create-db-cluster --db-cluster-identifier {name} --engine aurora-postgresql \\\n"
        f'  --master-username "{user}" --master-user-password "$PGPASSWORD" {more} --query DBCluster.Status\n'
        f"!aws rds wait db-cluster-available --db-cluster-identifier {name}\n"
    )


def _no_cluster(name: str) -> str:
    return f"""
rds.delete_db_cluster(DBClusterIdentifier="{name}", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="{name}")
"""


CLUSTER = {
    "no-cluster": Wrong(
        _cluster("frist"),
        "If you have made one under another name, delete it with `aws rds delete-db-cluster --skip-final-snapshot "
        "--db-cluster-identifier NAME`. Otherwise run your answer cell and read the last line that it prints.",
        _no_cluster("frist"),
    ),
    "other-user": Wrong(
        _cluster("first", user="postgres"),
        "The master user is chosen when a cluster is made, and stays. Delete the cluster with `aws rds "
        "delete-db-cluster --db-cluster-identifier first --skip-final-snapshot` and make it again.",
        _no_cluster("first"),
    ),
    "protected": Wrong(
        _cluster("first", more="--deletion-protection"),
        "Deletion protection is a good habit for what you want to keep. Here take it off: `aws rds modify-db-cluster "
        "--db-cluster-identifier first --no-deletion-protection`.",
        "!aws rds modify-db-cluster --db-cluster-identifier first --no-deletion-protection --query DBCluster.Status\n"
        "!aws rds wait db-cluster-available --db-cluster-identifier first\n" + _no_cluster("first"),
    ),
}


def _instances(*names: str, size: str = "db.t4g.medium") -> str:
    return f"""
for name in {names!r}:
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier="first",
        Engine="aurora-postgresql",
        DBInstanceClass="{size}",
    )
for name in {names!r}:
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
"""


def _without(*names: str) -> str:
    return f"""
for name in {names!r}:
    rds.delete_db_instance(DBInstanceIdentifier=name)
for name in {names!r}:
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
"""


INSTANCE = {
    "other-name": Wrong(
        _instances("first"),
        "A cluster and its instances have names of their own. Later cells call this one first-1: delete it with "
        "`rds.delete_db_instance`, wait with the waiter `db_instance_deleted`, and make it again. The cluster stays.",
        _without("first"),
    ),
    "other-class": Wrong(
        _instances("first-1", size="db.r6g.large"),
        "The class decides about memory, processors and price. Delete the instance and make it again.",
        _without("first-1"),
    ),
    "one-too-many": Wrong(
        _instances("first-1", "first-2"),
        "A second instance becomes a reader. That is lesson 05; delete it for now.",
        _without("first-2", "first-1"),
    ),
}


def _psql(sql: str, options: str = "") -> str:
    return f"%%bash\npsql -q -h \"$WRITER\" {options} <<'SQL'\n{sql}\nSQL\n"


_THREE = "insert into notes values ('one'), ('two'), ('three');"

NOTES = {
    "no-table": Wrong(
        _psql("begin;\ncreate table notes (note text);\n" + _THREE),
        "Is it in a transaction that was never committed? Then it went when psql ended, as `lost?` did above. Leave "
        "`begin` out, or end with `commit`.",
    ),
    "other-column": Wrong(
        _psql("create table notes (text text);\n" + _THREE),
        "Rename it: `alter table notes rename column OLD to note`.",
        _psql("drop table notes;"),
    ),
    "empty": Wrong(
        _psql("create table notes (note text);\nbegin;\n" + _THREE),
        "Did you write `begin` and no `commit`? Then PostgreSQL took the rows back when psql ended, as it did with "
        "`lost?` above.",
        _psql("drop table notes;"),
    ),
    "too-few": Wrong(
        _psql("create table notes (note text);\ninsert into notes values ('one');"),
        "One `insert` may hold several rows: `values ('...'), ('...'), ('...')`.",
        _psql("drop table notes;"),
    ),
}

WHO = {
    "the-cluster": Wrong(
        'who = "first"', "A cluster does not answer, an instance does. Let the function tell you which."
    ),
    "the-host": Wrong(
        'who = os.environ["WRITER"]', "That is the name you called. Ask who answers: the function tells."
    ),
    "more-than-the-name": Wrong(
        'who = !psql -h "$WRITER" -c "select aurora_db_instance_identifier()"',
        "The name is in there, with the frame that psql draws around it. `-At` prints the bare value.",
    ),
}

CLEANING = {
    "instance-left": Wrong(
        "!aws rds delete-db-cluster --db-cluster-identifier first --skip-final-snapshot",
        "The region refused to delete a cluster that still has an instance. Delete the instance first.",
    ),
    "cluster-left": Wrong(
        _without("first-1"),
        "Without instances a cluster costs less, but it is there, and so is its data. Delete it too. Did the call end "
        "with an error about a final snapshot? It wants `SkipFinalSnapshot=True`.",
        _instances("first-1"),
    ),
    "stopped": Wrong(
        'rds.stop_db_cluster(DBClusterIdentifier="first")\n'
        'while rds.describe_db_clusters(DBClusterIdentifier="first")["DBClusters"][0]["Status"] != "stopped":\n'
        "    pass",
        "A stopped cluster keeps its data, and after seven days it starts again by itself [4.18]. Start it with "
        "`rds.start_db_cluster`, wait, and delete it.",
        'rds.start_db_cluster(DBClusterIdentifier="first")\n'
        'rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="first-1")',
    ),
}
