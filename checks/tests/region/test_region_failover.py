"""Failover: planned, unplanned, of a hung writer; and what the endpoints do meanwhile."""

from __future__ import annotations

import threading

import psycopg
import pytest

from local_region import LocalRegion, eventually
from test_region_clusters import refused
from test_region_instances import eventually_ask


def messages(region: LocalRegion, source: str, kind: str = "db-cluster") -> list[str]:
    """The event messages of a cluster or instance, oldest first."""
    found = region.rds.describe_events(SourceIdentifier=source, SourceType=kind)["Events"]
    return [item["Message"] for item in found]


def test_failover_to_a_named_target(region: LocalRegion) -> None:
    name = region.cluster(instances=3)
    endpoint = region.describe(name)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE kept AS SELECT 1 AS n")
    shown = region.rds.failover_db_cluster(DBClusterIdentifier=name, TargetDBInstanceIdentifier=f"{name}-3")[
        "DBCluster"
    ]
    assert shown["Status"] == "failing-over"
    eventually(lambda: region.writer(name) == f"{name}-3", "the target is the writer")
    region.wait_available(name)
    rows = eventually_ask(
        region, endpoint, "INSERT INTO kept SELECT 2 RETURNING aurora_db_instance_identifier()"
    )
    assert rows == [(f"{name}-3",)]
    # The old writer is back as a reader, with what was written since.
    old = region.instances(name)[f"{name}-1"]["Endpoint"]["Address"]
    eventually(
        lambda: region.ask(old, "SELECT pg_is_in_recovery(), count(*) FROM kept") == [(True, 2)],
        "the old writer reads the new writer's rows",
    )
    said = messages(region, name)
    assert f"Started cross AZ failover to DB instance: {name}-3." in said
    assert f"Completed failover to DB instance: {name}-3." in said
    assert "Cluster topology is updated." in messages(region, f"{name}-3", "db-instance")


def test_without_a_target_the_lowest_tier_and_then_the_largest_goes_first(region: LocalRegion) -> None:
    name = region.cluster(instances=1)
    region.instance(name, f"{name}-low", wait=False, PromotionTier=5)
    region.instance(name, f"{name}-small", wait=False, PromotionTier=0)
    region.instance(name, f"{name}-large", PromotionTier=0, DBInstanceClass="db.r6g.4xlarge")
    region.rds.failover_db_cluster(DBClusterIdentifier=name)
    eventually(lambda: region.writer(name) == f"{name}-large", "tier 0 and the larger class wins")
    region.wait_available(name)
    refused(
        lambda: region.rds.failover_db_cluster(
            DBClusterIdentifier=name, TargetDBInstanceIdentifier=f"{name}-large"
        ),
        "InvalidDBInstanceState",
    )


def test_failover_needs_a_reader(embedded_region: LocalRegion) -> None:
    name = embedded_region.cluster(instances=1)
    refused(
        lambda: embedded_region.rds.failover_db_cluster(DBClusterIdentifier=name),
        "InvalidDBClusterStateFault",
    )


def test_a_killed_writer_fails_over_by_itself_and_loses_nothing(region: LocalRegion) -> None:
    name = region.cluster(instances=3)
    endpoint = region.describe(name)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE kept (n int PRIMARY KEY)")
    acknowledged: list[int] = []
    started = threading.Event()

    def write() -> None:
        try:
            with region.connect(endpoint) as connection:
                for number in range(1_000_000):
                    connection.execute("INSERT INTO kept VALUES (%s)", (number,))
                    acknowledged.append(number)
                    if number == 50:
                        started.set()
        except psycopg.Error:
            pass  # The writer died: that is the experiment.

    writer = threading.Thread(target=write)
    writer.start()
    assert started.wait(30)
    region.fault(f"{name}-1", "kill")
    writer.join(30)
    assert not writer.is_alive(), "a killed writer's connection ends"
    eventually(lambda: region.writer(name) != f"{name}-1", "another instance is the writer")
    region.wait_available(name)
    rows = eventually_ask(region, endpoint, "SELECT n FROM kept")
    missing = set(acknowledged) - {row[0] for row in rows}
    assert not missing, f"{len(missing)} of {len(acknowledged)} acknowledged commits are lost"
    assert region.describe(name)["Status"] == "available"
    assert len(region.instances(name)) == 3


def test_a_killed_writer_without_readers_restarts_in_place(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=1)
    endpoint = region.describe(name)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE kept AS SELECT 1 AS n")
    region.fault(f"{name}-1", "kill")
    assert eventually_ask(region, endpoint, "SELECT n FROM kept") == [(1,)]
    assert region.writer(name) == f"{name}-1"


def test_a_hung_writer_is_fenced_and_replaced(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=2)
    region.fault(f"{name}-1", "freeze")
    eventually(lambda: region.writer(name) == f"{name}-2", "the reader is promoted", 30.0)
    region.wait_available(name)
    old = region.instances(name)[f"{name}-1"]["Endpoint"]["Address"]
    assert eventually_ask(region, old, "SELECT pg_is_in_recovery()") == [(True,)]


def test_a_killed_reader_leaves_the_reader_endpoint_and_comes_back(region: LocalRegion) -> None:
    name = region.cluster(instances=2)
    endpoint = region.describe(name)["ReaderEndpoint"]
    region.fault(f"{name}-2", "kill")

    def answers() -> bool:
        try:
            return region.ask(endpoint, "SELECT aurora_db_instance_identifier()") == [(f"{name}-2",)]
        except psycopg.OperationalError:
            return False

    eventually(answers, "the reader answers again")
    assert region.writer(name) == f"{name}-1"


def test_an_open_connection_never_moves_and_is_cut_with_its_writer(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=2)
    shown = region.describe(name)
    with region.connect(shown["ReaderEndpoint"]) as reading, region.connect(shown["Endpoint"]) as writing:
        region.rds.failover_db_cluster(DBClusterIdentifier=name)
        eventually(lambda: region.writer(name) == f"{name}-2", "failed over")
        # Its reader became the writer: the connection is still there, on the same instance (FACTS 3.19, 7.23).
        assert reading.execute("SELECT aurora_db_instance_identifier()").fetchone() == (f"{name}-2",)
        with pytest.raises(psycopg.OperationalError):
            writing.execute("SELECT 1")
    region.wait_available(name)
