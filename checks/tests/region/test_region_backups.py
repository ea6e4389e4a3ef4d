"""The continuous backup as the API shows it: its window, automated snapshots, and what a deleted cluster leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aurora_lab.region.clock import LabClock
from aurora_lab.region.restorable import earliest_moment
from local_region import LocalRegion, delete_clusters, eventually, local_region, unique
from test_region_restores import refused, with_instance


@pytest.fixture(scope="module")
def _fast_region() -> Iterator[LocalRegion]:
    """A region whose days pass in a minute and a half."""
    with local_region(scale=1000.0) as found:
        yield found


@pytest.fixture
def fast_region(_fast_region: LocalRegion) -> Iterator[LocalRegion]:
    """The same; what a test leaves in it is removed."""
    yield _fast_region
    delete_clusters(_fast_region)


def test_the_days_of_the_retention_period_are_the_lab_clocks() -> None:
    region = cast(Any, SimpleNamespace(clock=LabClock(1000.0)))
    for days, seconds in ((1, 86.4), (35, 3024.0)):
        began = datetime.now(UTC).timestamp() - earliest_moment(region, {"BackupRetentionPeriod": days})
        assert began == pytest.approx(seconds, abs=0.5)


def test_the_window_opens_with_the_cluster_and_goes_on(fast_region: LocalRegion) -> None:
    region = fast_region
    name = region.cluster(instances=1)
    shown = eventually(lambda: region.describe(name), "it is shown")
    created, earliest = shown["ClusterCreateTime"], shown["EarliestRestorableTime"]
    assert created <= earliest <= shown["LatestRestorableTime"]
    now = datetime.now(UTC)
    eventually(lambda: region.describe(name)["LatestRestorableTime"] > now, "the backup goes on")
    assert region.describe(name)["EarliestRestorableTime"] == earliest
    (backup,) = region.rds.describe_db_cluster_automated_backups(DBClusterIdentifier=name)[
        "DBClusterAutomatedBackups"
    ]
    assert (backup["Status"], backup["BackupRetentionPeriod"]) == ("active", 1)
    assert backup["RestoreWindow"]["EarliestTime"] == earliest


def test_automated_snapshots_are_listed_copied_and_restored(fast_region: LocalRegion) -> None:
    region, rds = fast_region, fast_region.rds
    name = region.cluster(instances=1)
    endpoint = region.describe(name)["Endpoint"]

    def automated() -> list[dict[str, Any]]:
        found = rds.describe_db_cluster_snapshots(DBClusterIdentifier=name, SnapshotType="automated")
        return list(found["DBClusterSnapshots"])

    eventually(lambda: [item for item in automated() if item["Status"] == "available"], "the first is made")
    (first,) = automated()
    identifier = first["DBClusterSnapshotIdentifier"]
    assert identifier == f"rds:{name}-{first['SnapshotCreateTime']:%Y-%m-%d-%H-%M}"
    assert first["DBClusterSnapshotArn"].endswith(f":cluster-snapshot:{identifier}")
    region.ask(endpoint, "CREATE TABLE later AS SELECT 1 AS n")
    refused(
        lambda: rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=identifier),
        "InvalidDBClusterSnapshotStateFault",
    )
    copy, restored = unique("s"), unique("r")
    rds.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=first["DBClusterSnapshotArn"],
        TargetDBClusterSnapshotIdentifier=copy,
    )
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=restored, SnapshotIdentifier=identifier, Engine="aurora-postgresql"
    )
    assert region.ask(with_instance(region, restored), "SELECT to_regclass('later')") == [(None,)]
    rds.get_waiter("db_cluster_snapshot_available").wait(DBClusterSnapshotIdentifier=copy)
    again = unique("r")
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=again, SnapshotIdentifier=copy, Engine="aurora-postgresql"
    )
    assert region.ask(with_instance(region, again), "SELECT to_regclass('later')") == [(None,)]
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=copy)
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier=name)
    assert automated() == []


def test_a_deleted_cluster_may_leave_its_backup(fast_region: LocalRegion) -> None:
    region, rds = fast_region, fast_region.rds
    name = region.cluster(instances=1)
    shown = region.describe(name)
    resource = shown["DbClusterResourceId"]
    region.ask(shown["Endpoint"], "CREATE TABLE kept AS SELECT 5 AS n")
    written = datetime.now(UTC)
    eventually(lambda: region.describe(name)["LatestRestorableTime"] > written, "it is backed up")
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier=name)
    filters = [{"Name": "status", "Values": ["retained"]}]
    (left,) = rds.describe_db_cluster_automated_backups(Filters=filters)["DBClusterAutomatedBackups"]
    assert (left["DBClusterIdentifier"], left["DbClusterResourceId"]) == (name, resource)
    restored = unique("r")
    rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=restored, SourceDbClusterResourceId=resource, UseLatestRestorableTime=True
    )
    assert region.ask(with_instance(region, restored), "SELECT n FROM kept") == [(5,)]
    rds.delete_db_cluster_automated_backup(DbClusterResourceId=resource)
    refused(
        lambda: rds.describe_db_cluster_automated_backups(DbClusterResourceId=resource),
        "DBClusterAutomatedBackupNotFoundFault",
    )
    assert not (region.home.bucket / "backups" / resource.lower()).exists()


def test_a_stopped_cluster_can_be_restored_elsewhere(fast_region: LocalRegion) -> None:
    region, rds = fast_region, fast_region.rds
    name = region.cluster(instances=1)
    region.ask(region.describe(name)["Endpoint"], "CREATE TABLE kept AS SELECT 6 AS n")
    rds.stop_db_cluster(DBClusterIdentifier=name)
    eventually(lambda: region.describe(name)["Status"] == "stopped", "it is stopped")
    restored = unique("r")
    rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=restored, SourceDBClusterIdentifier=name, UseLatestRestorableTime=True
    )
    assert region.ask(with_instance(region, restored), "SELECT n FROM kept") == [(6,)]


def test_cloudwatch_shows_how_large_the_volume_is(fast_region: LocalRegion) -> None:
    region = fast_region
    name = region.cluster(instances=1)

    def newest() -> float:
        now = datetime.now(UTC)
        points = region.boto("cloudwatch").get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="VolumeBytesUsed",
            Dimensions=[{"Name": "DBClusterIdentifier", "Value": name}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=["Maximum"],
            Unit="Bytes",
        )["Datapoints"]
        return max((float(point["Maximum"]) for point in points), default=0.0)

    empty = eventually(newest, "it has been measured")
    region.ask(
        region.describe(name)["Endpoint"], "CREATE TABLE big AS SELECT repeat('x', 1 << 22)::bytea AS b"
    )
    region.ask(region.describe(name)["Endpoint"], "ALTER TABLE big ALTER b SET STORAGE EXTERNAL")
    region.ask(region.describe(name)["Endpoint"], "INSERT INTO big SELECT repeat('y', 1 << 22)::bytea")
    eventually(lambda: newest() > empty + (1 << 22), "it has grown")
    ((size,),) = region.ask(region.describe(name)["Endpoint"], "SELECT pg_total_relation_size('big')")
    grown = newest() - empty
    print(f"empty {empty}, grown by {grown}, the table {size}")
    assert grown < 2 * size, "once, and not for each of the six copies"
