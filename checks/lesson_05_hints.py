"""Lesson 05: hints, from a nudge to nearly the answer."""

from __future__ import annotations

CLUSTER = [
    "One command makes the cluster: `aws rds create-db-cluster`. Each row of the table is one of its options.",
    "The options are `--db-cluster-identifier`, `--engine`, `--database-name`, `--master-username` and "
    "`--master-user-password`. A backslash at the end of a line goes on to the next.",
    "Nearly all of it:\n"
    "aws rds create-db-cluster --db-cluster-identifier library --engine aurora-postgresql \\\n"
    '  --master-username "$PGUSER" ...two options are missing...\n'
    "aws rds wait db-cluster-available --db-cluster-identifier library",
]

INSTANCE = [
    "An instance joins a cluster by the cluster's identifier. Each row of the table is one argument.",
    "The arguments are `DBInstanceIdentifier`, `DBClusterIdentifier`, `Engine`, `DBInstanceClass` and "
    "`AvailabilityZone`. User and password belong to the cluster, not to an instance.",
    "Nearly all of it:\n"
    'rds.create_db_instance(DBInstanceIdentifier="library-1", DBClusterIdentifier="library", ...)\n'
    'rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="library-1")',
]

TABLE = [
    'psql takes SQL by `-c "..."`, or from its input: `psql -h "$WRITER" <<\'SQL\'` ... `SQL`.',
    "A column's default may be a function: `written_by text default aurora_db_instance_identifier()`.",
    "Nearly all of it:\n"
    "create table books (\n"
    "  id integer generated always as identity primary key,\n"
    "  title text not null, year integer, written_by text default ...);\n"
    "insert into books (title, year) values ('Momo', 1973), ...;",
]

READERS = [
    "A reader is made by the same call as the writer was. What makes it a reader is that a writer is there.",
    "Two calls of `aws rds create-db-instance`, with `--availability-zone us-west-2b` and `us-west-2c`, then "
    "`aws rds wait db-instance-available` for each.",
    "Nearly all of it:\n"
    "aws rds create-db-instance --db-instance-identifier library-2 --db-cluster-identifier library \\\n"
    "  --engine aurora-postgresql --db-instance-class db.r6g.large --availability-zone us-west-2b\n"
    "...the same for library-3 in us-west-2c, then wait for both...",
]

REFUSAL = [
    "Two `-c` in one call of psql run in one session: first the name of the instance, then the insert.",
    'Connect with `-h "$READER"`. Add `-v VERBOSITY=verbose` for the code, and `2>&1` to catch the error.',
    "Nearly all of it:\n"
    'refusal = !psql -h "$READER" -At -v VERBOSITY=verbose \\\n'
    '  -c "select aurora_db_instance_identifier()" -c "insert into books ..." 2>&1',
]

CONNECTIONS = [
    "Each run of psql is one new connection. A loop in the shell runs it ten times.",
    'The loop is `for i in $(seq 10); do ...; done`. Inside, for the reader endpoint: `sleep "$DNS_TTL"`.',
    "Nearly all of it:\n"
    'from_writer = !for i in $(seq 10); do psql -h "$WRITER" -Atc "$ASK"; done\n'
    "from_reader = ...the same with the other name, more often, and with a sleep...",
]

CUSTOM = [
    "A list of members is static: a reader that you add later is not in it.",
    "The arguments are `DBClusterIdentifier`, `DBClusterEndpointIdentifier`, `EndpointType` and `StaticMembers`.",
    "Nearly all of it:\n"
    'rds.create_db_cluster_endpoint(DBClusterIdentifier="library",\n'
    '    DBClusterEndpointIdentifier="library-reports", EndpointType=..., StaticMembers=[...])',
]

FAILOVER = [
    "A failover may name its target. Without one, the promotion tiers decide.",
    "The option is `--target-db-instance-identifier`. After `aws rds wait db-cluster-available` an old answer of DNS "
    'may still lead to the old writer: `sleep "$DNS_TTL"`.',
    "Nearly all of it:\n"
    "aws rds failover-db-cluster --db-cluster-identifier library --target-db-instance-identifier ...\n"
    "aws rds wait db-cluster-available --db-cluster-identifier library\n"
    'sleep "$DNS_TTL"\n'
    'psql -h "$WRITER" -c "insert into books (title, year) values (\'After the failover\', 2026)"',
]

NO_READER = [
    "`rds.delete_db_instance` removes one instance; the waiter is `db_instance_deleted`.",
    "Look at `lab.map()` first: after the failover the readers are library-1 and library-3. Afterwards an old answer "
    "of DNS may still name one of them.",
    "Nearly all of it:\n"
    'for name in ("library-1", "library-3"):\n'
    "    rds.delete_db_instance(DBInstanceIdentifier=name)\n"
    "...wait for both, sleep $DNS_TTL...\n"
    '!psql -h "$READER" -c "insert into books ..."',
]

CLEANING = [
    "Try to delete the cluster first, and read what the API says.",
    "The calls are `delete_db_cluster_endpoint`, `delete_db_instance` and `delete_db_cluster` with "
    "`SkipFinalSnapshot=True`.",
    "Nearly all of it:\n"
    'rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="library-reports")\n'
    'rds.delete_db_instance(DBInstanceIdentifier="library-2")\n'
    "...wait until it is gone...\n"
    'rds.delete_db_cluster(DBClusterIdentifier="library", SkipFinalSnapshot=True)\n'
    'rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="library")',
]
