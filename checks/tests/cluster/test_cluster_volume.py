"""The volume exists without instances, and outlives them."""

from __future__ import annotations

import pytest

from aurora_lab.cluster.types import ClusterError, Master, NotTheWriterError
from small_cluster import DATABASE, MASTER, SmallCluster, on_each_runtime


@on_each_runtime
def test_a_volume_exists_without_any_instance(cluster: SmallCluster) -> None:
    plane = cluster.plane
    assert not plane.has_volume()
    plane.create_volume(MASTER, DATABASE)
    assert plane.has_volume()
    assert plane.known() == []
    assert cluster.runtime.strays(cluster.folder, ()) == []
    made = plane.layout.seed.stat().st_ino
    plane.create_volume(MASTER, DATABASE)
    assert plane.layout.seed.stat().st_ino == made


def test_its_first_database_is_the_master_users(cluster: SmallCluster) -> None:
    cluster.start()
    owners = dict(cluster.ask(cluster.one, "SELECT datname, datdba::regrole::text FROM pg_database"))
    assert owners == {
        "postgres": "teacher",
        DATABASE: "teacher",
        "rdsadmin": "rdsadmin",
        "template0": "rdsadmin",
        "template1": "teacher",
    }


@pytest.mark.parametrize("name", ["rdsadmin", "rdsrepladmin", "rds_superuser", "pg_something", "RDSadmin"])
def test_a_reserved_name_is_no_master_users(cluster: SmallCluster, name: str) -> None:
    with pytest.raises(ClusterError, match="reserved"):
        cluster.plane.create_volume(Master(name, "x" * 12), None)
    assert not cluster.plane.has_volume()
    cluster.plane.create_volume(MASTER, None)
    assert cluster.plane.has_volume()


@on_each_runtime
def test_deleting_the_last_instance_keeps_the_data(cluster: SmallCluster) -> None:
    cluster.start()
    cluster.ask(cluster.one, "CREATE TABLE kept AS SELECT generate_series(1, 50) AS i")
    plane = cluster.plane
    plane.remove(cluster.one.resource_id, keep_volume=True)
    assert plane.has_volume()
    assert plane.known() == []
    assert not plane.running(cluster.one.resource_id)
    plane.remove(cluster.one.resource_id, keep_volume=True)
    plane.start_writer(cluster.two)
    assert cluster.value(cluster.two, "SELECT count(*) FROM kept") == 50
    assert cluster.value(cluster.two, "SELECT aurora_db_instance_identifier()") == "two"


def test_a_last_instance_that_was_killed_keeps_its_data_too(cluster: SmallCluster) -> None:
    cluster.start()
    cluster.ask(cluster.one, "CREATE TABLE kept AS SELECT generate_series(1, 50) AS i")
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.remove(cluster.one.resource_id, keep_volume=True)
    cluster.plane.start_writer(cluster.one)
    assert cluster.value(cluster.one, "SELECT count(*) FROM kept") == 50


def test_the_seed_of_the_writer_is_not_replaced_by_a_readers_data(cluster: SmallCluster) -> None:
    # The region may remove the writer first and the readers, which were going anyway, after it.
    cluster.start(readers=1)
    cluster.plane.stop(cluster.two.resource_id)
    cluster.ask(cluster.one, "CREATE TABLE late AS SELECT 1 AS i")
    cluster.plane.remove(cluster.one.resource_id, keep_volume=True)
    cluster.plane.remove(cluster.two.resource_id, keep_volume=True)
    cluster.plane.start_writer(cluster.three)
    assert cluster.value(cluster.three, "SELECT count(*) FROM late") == 1


def test_a_removed_reader_leaves_nothing(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.remove(cluster.two.resource_id, keep_volume=False)
    assert [spec.identifier for spec in cluster.plane.known()] == ["one"]
    left = {path.name for path in cluster.plane.layout.instances.iterdir()}
    assert left == {cluster.one.name, f"{cluster.one.name}.log", f"{cluster.one.name}.d"}


def test_only_the_writer_starts_as_the_writer(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    with pytest.raises(NotTheWriterError):
        cluster.plane.start_writer(cluster.two)
    cluster.plane.stop(cluster.one.resource_id)
    with pytest.raises(NotTheWriterError):
        cluster.plane.start_writer(cluster.two)
    cluster.plane.start_writer(cluster.one)
    assert cluster.value(cluster.one, "SELECT NOT pg_is_in_recovery()")


def test_without_a_volume_nothing_starts(cluster: SmallCluster) -> None:
    with pytest.raises(ClusterError, match="no cluster volume"):
        cluster.plane.start_writer(cluster.one)


@on_each_runtime
def test_delete_ends_and_removes_everything(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    servers = [cluster.plane.server(each.resource_id) for each in (cluster.one, cluster.two)]
    cluster.plane.delete()
    assert not cluster.folder.exists()
    assert not any(server.running() for server in servers if server is not None)
    cluster.plane.delete()
