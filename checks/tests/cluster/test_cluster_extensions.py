"""Extensions: the master user creates Aurora's, uses them, and gains nothing else by them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from aurora_lab.runtime.extensions import OFFERED
from small_cluster import MASTER, SmallCluster, shared_on_each_runtime

ALWAYS_OFFERED = ("btree_gin", "citext", "cube", "fuzzystrmatch", "hstore", "intarray", "ltree", "pg_trgm")
ALWAYS_OFFERED += ("pgcrypto", "tablefunc", "unaccent")


@pytest.fixture
def master(shared: SmallCluster) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The master user in a database that is not there afterwards."""
    trusted = "SELECT bool_or(trusted) FROM pg_available_extension_versions WHERE name = 'amcheck'"
    if not shared.value(shared.one, trusted):
        pytest.skip(
            "this PostgreSQL is not the lab's own copy, in which the master user may create extensions"
        )
    shared.ask(shared.one, "DROP DATABASE IF EXISTS workbench")
    shared.ask(shared.one, "CREATE DATABASE workbench")
    with shared.connect(shared.one, dbname="workbench") as connection:
        yield connection
    shared.ask(shared.one, "DROP DATABASE workbench WITH (FORCE)")


@shared_on_each_runtime
def test_the_master_user_creates_them(master: psycopg.Connection[tuple[object, ...]]) -> None:
    offered = master.execute("SELECT setting FROM pg_settings WHERE name = 'rds.extensions'").fetchone()
    assert offered is not None
    names = {*OFFERED, *ALWAYS_OFFERED}
    assert names <= set(str(offered[0]).split(", "))
    refused = {}
    for name in sorted(names):
        try:
            master.execute(f"CREATE EXTENSION {name} CASCADE".encode())
            master.execute(f"DROP EXTENSION {name} CASCADE".encode())
        except psycopg.Error as error:
            refused[name] = str(error)
    assert not refused


@pytest.mark.parametrize("name", ["file_fdw", "pg_surgery", "pageinspect"])
def test_what_aurora_does_not_offer_is_refused(
    master: psycopg.Connection[tuple[object, ...]], name: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        master.execute(f"CREATE EXTENSION {name}".encode())


@shared_on_each_runtime
def test_they_can_be_used(shared: SmallCluster, master: psycopg.Connection[tuple[object, ...]]) -> None:
    for name in (
        "pg_stat_statements",
        "postgres_fdw",
        "pgstattuple",
        "pg_prewarm",
        "pg_buffercache",
        "amcheck",
    ):
        master.execute(f"CREATE EXTENSION {name}".encode())
    master.execute("CREATE TABLE measured (i int PRIMARY KEY)")
    master.execute("SELECT pg_stat_statements_reset()")
    master.execute("INSERT INTO measured SELECT generate_series(1, 100)")
    seen = master.execute("SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'INSERT INTO measured%'")
    assert seen.fetchone() == (1,)
    assert master.execute("SELECT tuple_count FROM pgstattuple('measured')").fetchone() == (100,)
    assert master.execute("SELECT pg_prewarm('measured') > 0").fetchone() == (True,)
    assert master.execute("SELECT count(*) > 0 FROM pg_buffercache").fetchone() == (True,)
    master.execute("SELECT bt_index_check('measured_pkey')")
    server = shared.plane.server(shared.one.resource_id)
    assert server is not None
    host, port = server.peer_address
    master.execute(
        f"CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw "
        f"OPTIONS (host '{host}', port '{port}', dbname 'workbench', sslmode 'require')".encode()
    )
    master.execute(
        f"CREATE USER MAPPING FOR CURRENT_USER SERVER itself "
        f"OPTIONS (user '{MASTER.username}', password '{MASTER.password}')".encode()
    )
    master.execute("CREATE FOREIGN TABLE far (i int) SERVER itself OPTIONS (table_name 'measured')")
    assert master.execute("SELECT count(*) FROM far").fetchone() == (100,)


@shared_on_each_runtime
def test_no_extension_leads_to_the_administrator(
    shared: SmallCluster, master: psycopg.Connection[tuple[object, ...]]
) -> None:
    # The servers can read a file with passwords, whose name is no secret. Nobody may log in by it.
    master.execute("CREATE EXTENSION dblink")
    server = shared.plane.server(shared.one.resource_id)
    assert server is not None
    host, port = server.peer_address
    passfile = shared.plane.layout.passfile
    way = f"host={host} port={port} user=rdsadmin dbname=rdsadmin sslmode=disable passfile={passfile}"
    for function in ("dblink_connect", "dblink_connect_u"):
        with pytest.raises(psycopg.Error) as refused:
            master.execute(f"SELECT {function}(%s)".encode(), (way,))
        assert refused.value.sqlstate in {"42501", "2F003"}, refused.value
    with pytest.raises(psycopg.Error):
        master.execute("SELECT dblink_connect(%s)", (f"{way} password=guessed",))


def test_nobody_subscribes_by_the_servers_passwords(
    shared: SmallCluster, master: psycopg.Connection[tuple[object, ...]]
) -> None:
    server = shared.plane.server(shared.one.resource_id)
    assert server is not None
    host, port = server.peer_address
    passfile = shared.plane.layout.passfile
    way = f"host={host} port={port} user=rdsrepladmin dbname=postgres sslmode=disable passfile={passfile}"
    with pytest.raises(psycopg.errors.ProhibitedSqlStatementAttempted):
        master.execute(f"CREATE SUBSCRIPTION s CONNECTION '{way}' PUBLICATION p".encode())
