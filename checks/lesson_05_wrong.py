"""Lesson 05: known wrong answers by the name of their mistake.

Each is the answer cell as a learner might write it, what to tell that learner, and for the tests the way back.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong

_NO_CLUSTER = """
rds.delete_db_cluster(DBClusterIdentifier="library", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="library")
"""
_NOT_LIBRARY_1 = """
rds.delete_db_instance(DBInstanceIdentifier="library-1")
rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="library-1")
"""


def _cluster(more: str) -> str:
    return f"""
rds.create_db_cluster(
    DBClusterIdentifier="library",
    Engine="aurora-postgresql",
    MasterUserPassword=os.environ["PGPASSWORD"],
    {more}
)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="library")
"""


def _instances(*made: tuple[str, str], size: str = "db.r6g.large") -> str:
    return f"""
for name, zone in {made!r}:
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier="library",
        Engine="aurora-postgresql",
        DBInstanceClass="{size}",
        AvailabilityZone=zone,
    )
for name, zone in {made!r}:
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
"""


def _without(*gone: str) -> str:
    return f"""
for name in {gone!r}:
    rds.delete_db_instance(DBInstanceIdentifier=name)
for name in {gone!r}:
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
"""


_COMPLETE = 'MasterUsername=os.environ["PGUSER"], DatabaseName="library",'

CLUSTER = {
    "other-user": Wrong(
        _cluster('MasterUsername="postgres", DatabaseName="library",'),
        "The master user is chosen when a cluster is made, and stays. Delete the cluster with "
        "`aws rds delete-db-cluster --db-cluster-identifier library --skip-final-snapshot` and make it again.",
        _NO_CLUSTER,
    ),
    "no-database": Wrong(
        _cluster('MasterUsername=os.environ["PGUSER"],'),
        "The option is `--database-name`; the identifier names the cluster, not a database in it. Delete the cluster "
        "with `aws rds delete-db-cluster --db-cluster-identifier library --skip-final-snapshot` and make it again.",
        _NO_CLUSTER,
    ),
    "instance-too": Wrong(
        _cluster(_COMPLETE) + _instances(("library-1", "us-west-2a")),
        "You are ahead of the lesson: an instance is a second call, and comes in 05.2. If you have done 05.2 already, "
        "all is well. If not, delete the instance and look at an empty cluster first.",
        _NOT_LIBRARY_1 + _NO_CLUSTER,
    ),
}

INSTANCE = {
    "other-name": Wrong(
        _instances(("library", "us-west-2a")),
        "A cluster and its instances have names of their own. Later cells call this instance library-1: delete it with "
        "`rds.delete_db_instance`, and make it again. The cluster and its volume stay.",
        _without("library"),
    ),
    "other-class": Wrong(
        _instances(("library-1", "us-west-2a"), size="db.t4g.medium"),
        "The class decides about memory, processors and price. Change it with `rds.modify_db_instance(..., "
        "ApplyImmediately=True)`, or delete the instance and make it again.",
        _NOT_LIBRARY_1,
    ),
    "other-az": Wrong(
        _instances(("library-1", "us-west-2b")),
        "Without `AvailabilityZone`, or with another one, the instance stands elsewhere, and the readers of 05.4 would "
        "share its AZ. An instance does not move: delete it and make it again.",
        _NOT_LIBRARY_1,
    ),
}


def _psql(sql: str, options: str = "") -> str:
    return f"%%bash\npsql -q -h \"$WRITER\" {options} <<'SQL'\n{sql}\nSQL\n"


_CREATE = """create table books (
  id integer generated always as identity primary key, title text not null, year integer,
  written_by text default aurora_db_instance_identifier());"""
_THREE = "insert into books (title, year) values ('Momo', 1973), ('Dune', 1965), ('Ficciones', 1944);"
_BY_HAND = """insert into books (title, year, written_by)
  values ('Momo', 1973, 'me'), ('Dune', 1965, 'me'), ('Ficciones', 1944, 'me');"""
_DROP = _psql("drop table books;")

TABLE = {
    "other-database": Wrong(
        _psql(_CREATE + "\n" + _THREE, "-d postgres"),
        "A cluster has several databases, and a table is in one of them. psql takes the one in `$PGDATABASE` unless "
        "you name another with `-d`.",
        _psql("drop table books;", "-d postgres"),
    ),
    "no-default": Wrong(
        _psql(_CREATE.replace(" default aurora_db_instance_identifier()", "") + "\n" + _THREE),
        "Without the default nobody can tell later which instance wrote a row. Add it: `alter table books alter column "
        "written_by set default aurora_db_instance_identifier()`, and fill in the rows that you have.",
        _DROP,
    ),
    "too-few-rows": Wrong(
        _psql(_CREATE + "\ninsert into books (title, year) values ('Momo', 1973);"),
        "One `insert` may hold several rows: `values (...), (...), (...)`.",
        _DROP,
    ),
    "written-by-hand": Wrong(
        _psql(_CREATE + "\n" + _BY_HAND),
        "A default fills a column in only where the `insert` does not name the column. Delete these rows and insert "
        "them without `written_by`.",
        _DROP,
    ),
}

READERS = {
    "one-reader": Wrong(
        _instances(("library-2", "us-west-2b")),
        "One reader is there. With a second one you will see how the reader endpoint chooses between them.",
        _without("library-2"),
    ),
    "beside-the-writer": Wrong(
        _instances(("library-2", "us-west-2a"), ("library-3", "us-west-2b")),
        "A reader beside the writer goes when their AZ goes, and cannot take over. Delete that reader and make it "
        "again in another AZ.",
        _without("library-2", "library-3"),
    ),
    "in-one-az": Wrong(
        _instances(("library-2", "us-west-2b"), ("library-3", "us-west-2b")),
        "Two AZs hold everything, and the third one is empty. Delete one reader and make it again in us-west-2c.",
        _without("library-2", "library-3"),
    ),
}

_INSERT = "insert into books (title, year) values ('Ulysses', 1922)"
_WHO = "select aurora_db_instance_identifier()"

REFUSAL = {
    "not-asked": Wrong(
        'refusal = ["library-2", "ERROR:  25006: cannot execute INSERT in a read-only transaction"]',
        "The answer is right, but the reader was never asked: its database counts no refused transaction. Let psql "
        "ask.",
    ),
    "through-the-writer": Wrong(
        f'refusal = !psql -h "$WRITER" -At -v VERBOSITY=verbose -c "{_WHO}" -c "{_INSERT}" 2>&1',
        "The writer endpoint leads to the writer, which takes the row. Delete it, and use `$READER`.",
        _psql("delete from books where title = 'Ulysses';"),
    ),
    "no-code": Wrong(
        f'refusal = !psql -h "$READER" -At -c "{_WHO}" -c "{_INSERT}" 2>&1',
        "Words change with the server's language, the code of an error does not: programs look at the code. "
        "`-v VERBOSITY=verbose` shows it.",
    ),
    "which-instance": Wrong(
        f'refusal = !psql -h "$READER" -At -v VERBOSITY=verbose -c "{_INSERT}" 2>&1',
        "The next connection may lead to the other reader. Only the same session can say where this insert went: ask "
        "for the name in the same psql call, before the insert.",
    ),
}


def _asked(writer: str, reader: str) -> str:
    return f"from_writer = !{writer}\nfrom_reader = !{reader}"


_TEN = 'for i in $(seq 10); do psql -h "$WRITER" -Atc "$ASK"; done'
_SESSION = "seq 60 | sed 's/.*/select aurora_db_instance_identifier();/' | psql -At -h"

CONNECTIONS = {
    "too-few": Wrong(
        _asked('psql -h "$WRITER" -Atc "$ASK"', 'psql -h "$READER" -Atc "$ASK"'),
        "One answer says nothing about how the others are spread.",
    ),
    "not-the-reader-endpoint": Wrong(
        _asked(_TEN, _TEN),
        "The writer never answers behind the reader endpoint while there is a reader. Did the loop use `$WRITER`?",
    ),
    "queries-not-connections": Wrong(
        _asked(f'{_SESSION} "$WRITER"', f'{_SESSION} "$READER"'),
        "These were many queries in one session. A session stays where it is: the endpoint balances connections, not "
        "queries [3.9]. Start psql anew for each answer.",
    ),
}


def _endpoint(kind: str, members: str) -> str:
    return f"""
rds.create_db_cluster_endpoint(
    DBClusterIdentifier="library", DBClusterEndpointIdentifier="library-reports",
    EndpointType="{kind}", {members},
)
"""


_NO_ENDPOINT = 'rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="library-reports")'

CUSTOM = {
    "other-type": Wrong(
        _endpoint("ANY", 'StaticMembers=["library-3"]'),
        "An endpoint of type ANY keeps a member that becomes the writer; one of type READER drops it [3.15]. Reports "
        "should not land on the writer. Use `rds.modify_db_cluster_endpoint`.",
        _NO_ENDPOINT,
    ),
    "list-of-exceptions": Wrong(
        _endpoint("READER", 'ExcludedMembers=["library-2"]'),
        "Today that is library-3 only. But a list of exceptions takes in every reader that you add later [3.15].",
        _NO_ENDPOINT,
    ),
    "other-members": Wrong(
        _endpoint("READER", 'StaticMembers=["library-2", "library-3"]'),
        "With both readers behind it, the report still slows library-2 down. Use `rds.modify_db_cluster_endpoint`.",
        _NO_ENDPOINT,
    ),
}


def _failover(target: str) -> str:
    return f"""
rds.failover_db_cluster(DBClusterIdentifier="library", TargetDBInstanceIdentifier="{target}")
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="library")
"""


_ALL_AVAILABLE = """
for name in ("library-1", "library-2", "library-3"):
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
"""
_WRITE = (
    '!sleep "$DNS_TTL"; psql -h "$WRITER" -qc '
    "\"insert into books (title, year) values ('After the failover', 2026)\"\n"
)
_UNWRITE = (
    '!sleep "$DNS_TTL"; psql -h "$WRITER" -qc "delete from books where title = \'After the failover\'"\n'
)
_BACK = _ALL_AVAILABLE + _failover("library-1") + _ALL_AVAILABLE + _UNWRITE

FAILOVER = {
    "no-failover": Wrong(
        'rds.reboot_db_instance(DBInstanceIdentifier="library-1")\n' + _ALL_AVAILABLE + _WRITE,
        "A reboot restarts an instance in its role. Only a failover makes a reader the writer: "
        "`aws rds failover-db-cluster`.",
        _UNWRITE,
    ),
    "other-target": Wrong(
        _failover("library-3") + _WRITE,
        "Without a target, or with another one, another reader is promoted. Name library-2 with "
        "`--target-db-instance-identifier`, and fail over once more.",
        _BACK,
    ),
    "written-before": Wrong(
        _WRITE + _failover("library-2"),
        "The row was written before the failover, by the old writer. It is still there: nothing is lost. Insert one "
        "more of this title now, and see who writes it.",
        _BACK,
    ),
}

_THROUGH = "insert into books (title, year) values ('Through the reader endpoint', 2026)"
_AGAIN = _instances(("library-1", "us-west-2a"), ("library-3", "us-west-2c"))

NO_READER = {
    "readers-left": Wrong(
        f'!psql -h "$READER" -c "{_THROUGH}"',
        "While there is a reader, the reader endpoint leads to it, and refuses the insert. Delete the readers first.",
    ),
    "one-reader-left": Wrong(
        _without("library-1") + f'!sleep "$DNS_TTL"; psql -h "$READER" -c "{_THROUGH}"',
        "One reader is enough for the reader endpoint to keep away from the writer. Delete library-3 as well.",
        _instances(("library-1", "us-west-2a")),
    ),
    "through-the-writer": Wrong(
        _without("library-1", "library-3") + f'!psql -h "$WRITER" -c "{_THROUGH}"',
        "That the writer writes is no news. The question is what the name with `-ro` in it does: use `$READER`.",
        _AGAIN + '!psql -h "$WRITER" -qc "delete from books where title = \'Through the reader endpoint\'"\n',
    ),
}

_INSTANCE_AGAIN = _instances(("library-2", "us-west-2b"))

CLEANING = {
    "instances-left": Wrong(
        """
try:
    rds.delete_db_cluster(DBClusterIdentifier="library", SkipFinalSnapshot=True)
except rds.exceptions.InvalidDBClusterStateFault as error:
    print(error)
""",
        "The API refuses to delete a cluster that still has instances. Delete them first.",
    ),
    "endpoint-left": Wrong(
        _without("library-2"),
        "Without instances nothing computes any more, but the cluster is there, and its volume is still billed [8.1]. "
        "Delete the custom endpoint and the cluster too.",
        _INSTANCE_AGAIN,
    ),
    "cluster-left": Wrong(
        _NO_ENDPOINT + "\n" + _without("library-2"),
        "The volume belongs to the cluster and outlives the instances; on AWS you go on paying for it [8.1]. Delete "
        "the cluster.",
        _INSTANCE_AGAIN + _endpoint("READER", 'StaticMembers=["library-2"]'),
    ),
}
