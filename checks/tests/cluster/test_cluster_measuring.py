"""Measuring: cheap, on writers and readers, with an answer also where there is none."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

import pytest

from aurora_lab.cluster.types import ClusterError, NotReachableError
from small_cluster import DATABASE, MASTER, SmallCluster, on_each_runtime, shared_on_each_runtime, until


@on_each_runtime
def test_a_writer_and_a_reader_are_measured(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    writer = cluster.plane.measure(cluster.one.resource_id)
    assert (writer.in_recovery, writer.lag_ms, writer.connections) == (False, None, 0)
    assert 1_000_000 < writer.memory < 500_000_000
    with cluster.connect(cluster.two):
        reader = cluster.plane.measure(cluster.two.resource_id)
        assert (reader.in_recovery, reader.connections) == (True, 1)
        assert reader.lag_ms is not None
        assert reader.lag_ms >= 0
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    later = cluster.plane.measure(cluster.one.resource_id)
    assert later.lsn > writer.lsn
    until(lambda: cluster.plane.measure(cluster.two.resource_id).lsn >= later.lsn, "the reader catches up")
    until(lambda: cluster.plane.measure(cluster.two.resource_id).lag_ms == 0, "and is not behind")


def test_measuring_keeps_its_connection(cluster: SmallCluster) -> None:
    cluster.start()
    backends = "SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = 'aurora-lab'"
    cluster.plane.measure(cluster.one.resource_id)
    before = cluster.value(cluster.one, backends)
    for _ in range(5):
        cluster.plane.measure(cluster.one.resource_id)
    assert cluster.value(cluster.one, backends) == before
    assert len(before) == 1
    cluster.plane.restart(cluster.one)
    assert cluster.plane.measure(cluster.one.resource_id).in_recovery is False


def test_a_reader_that_receives_nothing_is_seen_to_lag(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.measure(cluster.one.resource_id)
    data = cluster.plane.layout.data(cluster.two.name)
    cluster.plane.servers.write_configuration(data, cluster.two.name, primary="host=127.0.0.1 port=1")
    cluster.plane.servers.reload(cluster.two.name)
    streams = "SELECT count(*) FROM pg_stat_wal_receiver"
    until(lambda: cluster.value(cluster.two, streams) == 0, "the reader is cut off")
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    cluster.plane.measure(cluster.one.resource_id)
    until(lambda: (cluster.plane.measure(cluster.two.resource_id).lag_ms or 0) > 50, "it is behind")
    cluster.plane.follow(cluster.two, cluster.one)
    until(lambda: cluster.plane.measure(cluster.two.resource_id).lag_ms == 0, "it has caught up")


@on_each_runtime
def test_an_instance_that_does_not_answer_says_so_soon(cluster: SmallCluster) -> None:
    cluster.start()
    for fault in ("kill", "stop", "freeze"):
        cluster.plane.measure(cluster.one.resource_id)
        getattr(cluster.plane, fault)(cluster.one.resource_id)
        began = monotonic()
        with pytest.raises(NotReachableError):
            cluster.plane.measure(cluster.one.resource_id)
        assert monotonic() - began < 6
        if fault == "freeze":
            cluster.plane.thaw(cluster.one.resource_id)
        else:
            cluster.plane.start_writer(cluster.one)
    assert cluster.plane.measure(cluster.one.resource_id).in_recovery is False


@shared_on_each_runtime
def test_connecting(shared: SmallCluster) -> None:
    with shared.plane.connect(shared.one.resource_id, dbname=DATABASE) as administrator:
        assert administrator.execute("SELECT current_user::text, current_database()::text").fetchone() == (
            "rdsadmin",
            DATABASE,
        )
        assert administrator.autocommit
    with shared.plane.connect(
        shared.one.resource_id, user=MASTER.username, password=MASTER.password
    ) as master:
        encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert master.execute(encrypted).fetchone() == (True,)
    with pytest.raises(NotReachableError):
        shared.plane.connect(shared.one.resource_id, dbname="no_such_database")
    with pytest.raises(NotReachableError):
        shared.plane.connect("db-UNKNOWN")


def test_a_learners_variables_do_not_lead_the_plane_astray(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    astray = {
        "PGHOSTADDR": "127.0.0.9",
        "PGPORT": "1",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/no/such/file",
        "PGDATABASE": "nowhere",
        "PGUSER": "nobody",
        "PGPASSWORD": "wrong",
        "PGOPTIONS": "-c statement_timeout=1",
        "PGTARGETSESSIONATTRS": "read-only",
        "PGCHANNELBINDING": "require",
        "PGAPPNAME": "learner",
        "PGCLIENTENCODING": "LATIN1",
    }
    for name, value in astray.items():
        monkeypatch.setenv(name, value)
    cluster.start(readers=1)
    assert cluster.plane.measure(cluster.one.resource_id).in_recovery is False
    assert cluster.plane.measure(cluster.two.resource_id).in_recovery is True
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.plane.start_reader(cluster.one, cluster.two)


@on_each_runtime
def test_a_new_plane_takes_over_what_runs(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.close()
    with cluster.connect(cluster.one) as writing, cluster.connect(cluster.two) as reading:
        again = cluster.plane = cluster.new_plane()
        assert sorted(again.adopt()) == sorted([cluster.one.resource_id, cluster.two.resource_id])
        assert sorted(spec.identifier for spec in again.known()) == ["one", "two"]
        again.start_writer(replace(cluster.one, parameters={"work_mem": "8192"}))
        again.start_reader(cluster.two, cluster.one)
        assert again.measure(cluster.one.resource_id).connections == 1
        assert writing.execute("SHOW work_mem").fetchone() == ("8MB",)
        assert reading.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def test_an_error_of_the_server_is_one_sentence(shared: SmallCluster) -> None:
    with pytest.raises(ClusterError, match='role "nobody_there" does not exist'):
        shared.plane.set_password(shared.one.resource_id, "nobody_there", "x" * 12)
