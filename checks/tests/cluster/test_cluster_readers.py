"""Readers: real standbys that stream, refuse to write, and come back from whatever happened to them."""

from __future__ import annotations

import psycopg
import pytest

from aurora_lab.cluster.quorum import NAMES
from aurora_lab.cluster.types import NotReachableError, NotTheWriterError
from aurora_lab.runtime.base import ServerStartError
from small_cluster import DATABASE, MASTER, SmallCluster, forget_log, on_each_runtime, until


def catch_up(cluster: SmallCluster, *readers: object) -> None:
    """Wait until each reader has replayed all that the writer has written."""
    for reader in readers:
        written = cluster.plane.measure(cluster.one.resource_id).lsn
        until(lambda r=reader, w=written: cluster.plane.measure(r.resource_id).lsn >= w, "caught up")


@on_each_runtime
def test_two_readers_have_what_the_writer_wrote_and_take_no_writes(cluster: SmallCluster) -> None:
    cluster.start(readers=2)
    cluster.ask(cluster.one, "CREATE TABLE orders AS SELECT generate_series(1, 1000) AS i")
    catch_up(cluster, cluster.two, cluster.three)
    for reader in (cluster.two, cluster.three):
        assert cluster.value(reader, "SELECT count(*) FROM orders") == 1000
        refused = cluster.refusal(reader, "INSERT INTO orders VALUES (0)")
        assert refused.sqlstate == "25006"
        assert "cannot execute INSERT in a read-only transaction" in str(refused)
    with cluster.plane.connect(cluster.one.resource_id) as administrator:
        streaming = administrator.execute("SELECT application_name, state FROM pg_stat_replication")
        names = (cluster.two.name, cluster.three.name, *NAMES)
        assert dict(streaming.fetchall()) == dict.fromkeys(names, "streaming")


def test_a_running_reader_is_adopted_as_it_is(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    with cluster.connect(cluster.two) as open_connection:
        cluster.plane.start_reader(cluster.two, cluster.one)
        assert open_connection.execute("SELECT 1").fetchone() == (1,)


@on_each_runtime
def test_a_reader_is_made_after_the_writer_had_higher_limits(cluster: SmallCluster) -> None:
    # PostgreSQL pauses a standby whose log tells of higher limits than its own: for ever, and with old data.
    plane, locks = cluster.plane, "max_locks_per_transaction"
    plane.create_volume(MASTER, DATABASE)
    plane.start_writer(cluster.with_parameters(cluster.one, {locks: "100"}))
    lower = cluster.with_parameters(cluster.one, {locks: "20"})
    plane.restart(lower)
    cluster.ask(cluster.one, "CREATE TABLE late AS SELECT 7 AS n")
    plane.start_reader(cluster.with_parameters(cluster.two, {locks: "20"}), lower)
    assert cluster.value(cluster.two, "SELECT n FROM late") == 7


def test_a_killed_reader_comes_back_with_its_data(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    made = cluster.plane.layout.data(cluster.two.name).stat().st_ino
    cluster.plane.kill(cluster.two.resource_id)
    cluster.ask(cluster.one, "CREATE TABLE meanwhile AS SELECT 1 AS i")
    cluster.plane.start_reader(cluster.two, cluster.one)
    catch_up(cluster, cluster.two)
    assert cluster.value(cluster.two, "SELECT count(*) FROM meanwhile") == 1
    assert cluster.plane.layout.data(cluster.two.name).stat().st_ino == made


def test_a_reader_that_was_away_too_long_is_made_anew(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.stop(cluster.two.resource_id)
    made = cluster.plane.layout.data(cluster.two.name).stat().st_ino
    cluster.ask(cluster.one, "CREATE TABLE meanwhile AS SELECT 1 AS i")
    forget_log(cluster, cluster.one)
    cluster.plane.start_reader(cluster.two, cluster.one)
    assert cluster.plane.layout.data(cluster.two.name).stat().st_ino != made
    assert cluster.value(cluster.two, "SELECT count(*) FROM meanwhile") == 1


@on_each_runtime
def test_a_frozen_reader_is_taken_for_dead_and_comes_back(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.freeze(cluster.two.resource_id)
    assert cluster.plane.running(cluster.two.resource_id)
    cluster.plane.start_reader(cluster.two, cluster.one)
    assert cluster.value(cluster.two, "SELECT pg_is_in_recovery()")


def test_half_a_copy_is_redone(cluster: SmallCluster) -> None:
    cluster.start()
    half = cluster.plane.layout.new(cluster.plane.layout.data(cluster.two.name))
    cluster.runtime.make_folder(half)
    cluster.runtime.write(half / "PG_VERSION", "17\n")
    cluster.plane.start_reader(cluster.two, cluster.one)
    assert cluster.value(cluster.two, "SELECT pg_is_in_recovery()")
    assert not half.exists()


def test_readers_stay_open_while_the_writer_restarts(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    with cluster.connect(cluster.two) as reading:
        cluster.plane.restart(cluster.one)
        assert reading.execute("SELECT 1").fetchone() == (1,)
        cluster.plane.kill(cluster.one.resource_id)
        assert reading.execute("SELECT 1").fetchone() == (1,)
        cluster.plane.start_writer(cluster.one)
        cluster.ask(cluster.one, "CREATE TABLE after_restart AS SELECT 1 AS i")
        catch_up(cluster, cluster.two)
        assert reading.execute("SELECT count(*) FROM after_restart").fetchone() == (1,)


def test_a_writer_that_moves_to_another_port_is_found_by_its_readers(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.stop(cluster.one.resource_id)
    moved = type(cluster.one)(cluster.one.identifier, cluster.one.resource_id, cluster.three.port)
    cluster.plane.start_writer(moved)
    cluster.ask(moved, "CREATE TABLE moved AS SELECT 1 AS i")
    catch_up(cluster, cluster.two)
    assert cluster.value(cluster.two, "SELECT count(*) FROM moved") == 1


def test_nobody_reads_from_an_instance_that_is_not_the_writer(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    with pytest.raises(NotTheWriterError):
        cluster.plane.start_reader(cluster.three, cluster.two)
    with pytest.raises(NotTheWriterError):
        cluster.plane.start_reader(cluster.one, cluster.one)
    cluster.plane.kill(cluster.one.resource_id)
    with pytest.raises(NotReachableError):
        cluster.plane.start_reader(cluster.three, cluster.one)


def test_a_port_that_is_taken_costs_no_data(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    made = cluster.plane.layout.data(cluster.two.name).stat().st_ino
    cluster.plane.stop(cluster.two.resource_id)
    taken = type(cluster.two)("two", cluster.two.resource_id, cluster.one.port)
    with pytest.raises(ServerStartError):
        cluster.plane.start_reader(taken, cluster.one)
    cluster.plane.start_reader(cluster.two, cluster.one)
    assert cluster.plane.layout.data(cluster.two.name).stat().st_ino == made


def test_replication_needs_this_clusters_password(cluster: SmallCluster) -> None:
    # Ports are used again, and every cluster comes from the same template: a reader must not be able to
    # stream from another cluster's writer.
    cluster.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        cluster.connect(
            cluster.one, user="rdsrepladmin", password=cluster.password, sslmode="disable", replication="true"
        )


def test_readers_show_a_commit_after_their_lag_and_lose_none_of_it_at_a_failover(
    cluster: SmallCluster,
) -> None:
    cluster.start(readers=2)
    cluster.ask(cluster.one, "CREATE TABLE late (n int)")
    catch_up(cluster, cluster.two, cluster.three)
    cluster.plane.set_replica_lag(60_000)
    setting = "SHOW recovery_min_apply_delay"
    until(lambda: cluster.value(cluster.two, setting) == "1min", "the reader knows")
    cluster.ask(cluster.one, "INSERT INTO late VALUES (1)")
    written = cluster.value(cluster.one, "SELECT pg_current_wal_lsn()")
    received = f"SELECT pg_last_wal_receive_lsn() >= '{written}'"
    until(lambda: cluster.value(cluster.two, received), "the reader has it")
    assert cluster.value(cluster.two, "SELECT count(*) FROM late") == 0
    cluster.plane.kill(cluster.one.resource_id)
    # Whoever is promoted does not wait for the lag: that would take a minute, more than a promotion may.
    cluster.plane.promote(cluster.two, cluster.one)
    assert cluster.value(cluster.two, "SELECT count(*) FROM late") == 1
    # Who follows has what was there before, and lags again after that.
    cluster.plane.follow(cluster.three, cluster.two)
    assert cluster.value(cluster.three, "SELECT count(*) FROM late") == 1
    until(lambda: cluster.value(cluster.three, setting) == "1min", "it lags again")
    cluster.ask(cluster.two, "INSERT INTO late VALUES (2)")
    written = cluster.value(cluster.two, "SELECT pg_current_wal_lsn()")
    received = f"SELECT pg_last_wal_receive_lsn() >= '{written}'"
    until(lambda: cluster.value(cluster.three, received), "it has the new row")
    assert cluster.value(cluster.three, "SELECT count(*) FROM late") == 1
    cluster.plane.set_replica_lag(0)
    until(lambda: cluster.value(cluster.three, "SELECT count(*) FROM late") == 2, "it shows it")
