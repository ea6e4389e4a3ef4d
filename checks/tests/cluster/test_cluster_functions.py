"""Aurora's functions: names, columns, order, meanings; in every database, for every user, on every instance."""

from __future__ import annotations

import os
import subprocess
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from aurora_lab.cluster.types import InstanceSpec, TopologyRow
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.binaries import find_binaries
from small_cluster import DATABASE, MASTER, SmallCluster, on_each_runtime, shared_on_each_runtime, until

COLUMNS = {
    "aurora_replica_status()": (
        "server_id session_id durable_lsn highest_lsn_rcvd current_read_lsn cur_replay_latency_in_usec "
        "active_txns is_current last_transport_error last_error_timestamp last_update_timestamp feedback_xmin "
        "feedback_epoch replica_lag_in_msec log_stream_speed_in_kib_per_second log_buffer_sequence_number "
        "oldest_read_view_trx_id oldest_read_view_lsn pending_read_ios read_ios iops cpu"
    ),
    "aurora_global_db_status()": (
        "aws_region highest_lsn_written durability_lag_in_msec rpo_lag_in_msec last_lag_calculation_time "
        "feedback_epoch feedback_xmin"
    ),
    "aurora_global_db_instance_status()": (
        "server_id session_id aws_region durable_lsn highest_lsn_rcvd feedback_epoch feedback_xmin "
        "oldest_read_view_lsn visibility_lag_in_msec"
    ),
    "aurora_ccm_status()": (
        "buffers_sent_last_minute buffers_found_last_minute buffers_sent_last_scan buffers_found_last_scan "
        "buffers_sent_current_scan buffers_found_current_scan current_scan_progress"
    ),
}
"""FACTS 7.30, 7.35, 7.36, 7.22."""

TOPOLOGY = (
    "SELECT SERVER_ID, CASE WHEN SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END, "
    "CPU, COALESCE(REPLICA_LAG_IN_MSEC, 0), LAST_UPDATE_TIMESTAMP FROM pg_catalog.aurora_replica_status() "
    "WHERE EXTRACT(EPOCH FROM(pg_catalog.NOW() OPERATOR(pg_catalog.-) LAST_UPDATE_TIMESTAMP)) "
    "OPERATOR(pg_catalog.<=) 300 OR SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' "
    "OR LAST_UPDATE_TIMESTAMP IS NULL"
)
"""What Aurora's drivers ask to learn who writes and who reads."""


def status(cluster: SmallCluster, instance: InstanceSpec, **options: Any) -> dict[str, dict[str, Any]]:
    """The rows of aurora_replica_status() by identifier."""
    with cluster.connect(instance, **options) as connection:
        cursor = connection.execute("SELECT * FROM aurora_replica_status()")
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {row["server_id"]: row for row in rows}


@pytest.mark.parametrize("function", COLUMNS)
def test_columns_have_their_names_in_their_order(shared: SmallCluster, function: str) -> None:
    with shared.connect(shared.one) as connection:
        cursor = connection.execute(f"SELECT * FROM {function}".encode())
        assert [column.name for column in cursor.description or ()] == COLUMNS[function].split()
    result = f"SELECT pg_get_function_result('pg_catalog.{function}'::regprocedure)"
    assert shared.value(shared.one, result) == "SETOF record"


@shared_on_each_runtime
@pytest.mark.parametrize("here", ["one", "two"])
def test_every_instance_shows_all_of_them(shared: SmallCluster, here: str) -> None:
    rows = status(shared, getattr(shared, here))
    assert list(rows) == ["one", "two"], "the writer comes first"
    writer, reader = rows["one"], rows["two"]
    assert writer["session_id"] == "MASTER_SESSION_ID"
    assert uuid.UUID(reader["session_id"])
    assert writer["replica_lag_in_msec"] is None
    assert 0 <= reader["replica_lag_in_msec"] < 5000
    assert isinstance(writer["durable_lsn"], int)
    assert reader["durable_lsn"] > 0
    for name, row in rows.items():
        if name == here:
            assert row["last_update_timestamp"] is None
        else:
            assert abs((datetime.now(UTC) - row["last_update_timestamp"]).total_seconds()) < 60


def test_a_readers_session_stays_the_same_and_is_the_one_published(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    sessions = {status(cluster, each)["two"]["session_id"] for each in (cluster.one, cluster.two)}
    assert len(sessions) == 1
    session = str(uuid.uuid4())
    cluster.plane.publish(
        [
            TopologyRow("one", cluster.one.resource_id, "writer"),
            TopologyRow("two", cluster.two.resource_id, "reader", session, 1234.5),
            TopologyRow("three", cluster.three.resource_id, "reader", lag_ms=77.0),
        ]
    )
    assert status(cluster, cluster.one)["two"]["session_id"] == session
    rows = status(cluster, cluster.two)
    assert rows["three"]["replica_lag_in_msec"] == 77.0
    assert rows["two"]["replica_lag_in_msec"] == 1234.5
    assert status(cluster, cluster.one)["three"]["replica_lag_in_msec"] == 77.0


def test_an_unpublished_instance_knows_itself(cluster: SmallCluster) -> None:
    cluster.plane.create_volume(MASTER, DATABASE)
    cluster.plane.start_writer(cluster.one)
    rows = status(cluster, cluster.one)
    assert list(rows) == ["one"]
    assert rows["one"]["session_id"] == "MASTER_SESSION_ID"


def test_the_new_writer_shows_on_every_instance_at_once(cluster: SmallCluster) -> None:
    cluster.start(readers=2)
    with cluster.connect(cluster.three) as connection:
        cluster.plane.promote(cluster.two, cluster.one)
        cluster.publish(cluster.two, cluster.three)
        writer = "SELECT server_id FROM aurora_replica_status() WHERE session_id = 'MASTER_SESSION_ID'"
        assert connection.execute(writer).fetchall() == [("two",)]
        assert cluster.ask(cluster.two, writer) == [("two",)]


@shared_on_each_runtime
def test_the_drivers_questions_are_answered(shared: SmallCluster) -> None:
    for instance, writer in ((shared.one, True), (shared.two, False)):
        with shared.connect(instance) as connection:
            rows = connection.execute(TOPOLOGY.encode()).fetchall()
            assert {(row[0], row[1]) for row in rows} == {("one", True), ("two", False)}
            assert all(float(row[2]) == 0.0 and float(row[3]) >= 0 for row in rows)
            extensions = connection.execute(
                "SELECT (setting OPERATOR(pg_catalog.~~) '%aurora_stat_utils%') AS aurora_stat_utils "
                "FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'"
            ).fetchall()
            assert extensions == [(True,)]
            writer_here = connection.execute(
                "SELECT SERVER_ID FROM pg_catalog.aurora_replica_status() WHERE SESSION_ID OPERATOR(pg_catalog.=) "
                "'MASTER_SESSION_ID' AND SERVER_ID OPERATOR(pg_catalog.=) "
                "pg_catalog.aurora_db_instance_identifier()"
            ).fetchall()
            assert bool(writer_here) == writer
            regproc = connection.execute("SELECT 'pg_catalog.aurora_global_db_status'::pg_catalog.regproc")
            assert regproc.fetchone() is not None
    tools = "SELECT 1 FROM rds_tools.multi_az_db_cluster_source_dbi_resource_id()"
    assert shared.refusal(shared.one, tools).sqlstate == "3F000"


def test_versions_and_names(shared: SmallCluster) -> None:
    assert shared.value(shared.one, "SELECT aurora_version()") == f"{shared.runtime.version()}.1"
    assert shared.value(shared.one, "SELECT aurora_db_instance_identifier()") == "one"
    assert shared.value(shared.two, "SELECT aurora_db_instance_identifier()") == "two"
    listed = dict(shared.ask(shared.one, 'SELECT "Name", "Description" FROM aurora_list_builtins()'))
    assert {*COLUMNS} <= {f"{name}()" for name in listed}
    assert all(listed.values())


def test_no_session_can_be_made_to_show_another_name(shared: SmallCluster) -> None:
    with shared.connect(shared.one) as connection:
        with pytest.raises(psycopg.errors.CantChangeRuntimeParam):
            connection.execute("SET cluster_name = 'other'")
        connection.execute("SET aurora.db_instance_identifier = 'other'")
        connection.execute("CREATE TEMP TABLE pg_proc (i int)")
        connection.execute("CREATE SCHEMA IF NOT EXISTS mine")
        connection.execute(
            "CREATE OR REPLACE FUNCTION mine.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT '/etc' $$"
        )
        connection.execute("SET search_path = mine, pg_temp, pg_catalog")
        assert connection.execute("SELECT pg_catalog.aurora_db_instance_identifier()").fetchone() == ("one",)
        assert len(connection.execute("SELECT * FROM pg_catalog.aurora_replica_status()").fetchall()) == 2
        connection.execute("SET search_path = public")
        connection.execute("DROP SCHEMA mine CASCADE")


def test_any_user_may_ask_in_any_database(cluster: SmallCluster) -> None:
    cluster.start()
    cluster.ask(cluster.one, "CREATE ROLE visitor LOGIN PASSWORD 'correct-horse-9'")
    cluster.ask(cluster.one, "CREATE DATABASE from_template1")
    cluster.ask(cluster.one, "CREATE DATABASE from_template0 TEMPLATE template0")
    for database in (DATABASE, "postgres", "from_template1", "from_template0"):
        rows = status(cluster, cluster.one, dbname=database, user="visitor")
        assert list(rows) == ["one"]
        extensions = "SELECT count(*) FROM pg_settings WHERE name = 'rds.extensions'"
        assert cluster.value(cluster.one, extensions, dbname=database, user="visitor") == 1


@on_each_runtime
def test_a_crash_is_answered_by_a_restart_in_place(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.ask(cluster.one, "CREATE TABLE kept AS SELECT generate_series(1, 10) AS i")
    server = cluster.plane.server(cluster.one.resource_id)
    assert server is not None
    with cluster.connect(cluster.two) as reading:
        for kind in ("instance", "dispatcher", "Node"):
            with cluster.connect(cluster.one) as bystander:
                with pytest.raises(psycopg.OperationalError):
                    cluster.ask(cluster.one, f"SELECT aurora_inject_crash('{kind}')")
                until(lambda: recovered(cluster, cluster.one), "the writer is back")
                with pytest.raises(psycopg.OperationalError):
                    bystander.execute("SELECT 1")
            assert reading.execute("SELECT 1").fetchone() == (1,), "readers stay open"
            assert server.running(), "it was restarted in place, by itself"
    assert cluster.value(cluster.one, "SELECT count(*) FROM kept") == 10
    cluster.ask(cluster.one, "INSERT INTO kept VALUES (11)")
    until(lambda: cluster.value(cluster.two, "SELECT count(*) FROM kept") == 11, "the reader follows")


def test_a_reader_can_be_crashed_too(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    with pytest.raises(psycopg.OperationalError):
        cluster.ask(cluster.two, "SELECT aurora_inject_crash('instance')")
    until(lambda: recovered(cluster, cluster.two), "the reader is back")
    cluster.ask(cluster.one, "CREATE TABLE kept AS SELECT 1 AS i")
    until(lambda: cluster.value(cluster.two, "SELECT to_regclass('kept') IS NOT NULL"), "the reader follows")


def recovered(cluster: SmallCluster, instance: InstanceSpec) -> bool:
    """Whether an instance takes connections."""
    try:
        return bool(cluster.value(instance, "SELECT true"))
    except psycopg.OperationalError:
        return False


def test_who_may_not_crash_an_instance_and_how_not(shared: SmallCluster) -> None:
    shared.ask(shared.one, "DROP ROLE IF EXISTS bystander")
    shared.ask(shared.one, "CREATE ROLE bystander LOGIN PASSWORD 'correct-horse-9'")
    crash = "SELECT aurora_inject_crash('instance')"
    assert shared.refusal(shared.one, crash, user="bystander").sqlstate == "42501"
    shared.ask(shared.one, "DROP ROLE bystander")
    for kind in ("'everything'", "NULL", "''"):
        assert shared.refusal(shared.one, f"SELECT aurora_inject_crash({kind})").sqlstate == "22023"


@pytest.mark.parametrize(
    "command",
    [
        [
            "psql",
            "-Xc",
            r"\d",
            "-c",
            r"\df",
            "-c",
            r"\dv pg_settings",
            "-c",
            r"\l",
            "-c",
            r"\du",
            "-c",
            r"\dx",
        ],
        ["psql", "-XAtc", "SHOW rds.extensions"],
        ["pg_dump", "--schema-only"],
        ["pg_dumpall", "--no-role-passwords", "--roles-only"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_postgresqls_own_tools_see_nothing_odd(shared: SmallCluster, command: list[str]) -> None:
    try:
        binaries = find_binaries()
    except RuntimeUnavailableError as error:
        pytest.skip(f"no client tools on this machine: {error}")
    server = shared.plane.server(shared.one.resource_id)
    assert server is not None
    environment = {
        "PATH": "/usr/bin:/bin",
        **binaries.environment,
        "PGHOST": server.address[0],
        "PGPORT": str(server.address[1]),
        "PGUSER": MASTER.username,
        "PGPASSWORD": MASTER.password,
        "PGSSLMODE": "require",
        "PGDATABASE": DATABASE,
        "HOME": os.environ.get("HOME", "/"),
    }
    done = subprocess.run(
        [str(binaries.path(command[0])), *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    if command[0] == "pg_dump":
        assert "aurora_" not in done.stdout
        assert "pg_settings" not in done.stdout
