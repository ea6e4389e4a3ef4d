"""Restores by boto3 alone: from snapshots, to a moment, and clones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_region import MASTER, LocalRegion, eventually, unique
from test_region_instances import eventually_ask


def with_instance(region: LocalRegion, cluster: str) -> str:
    """Wait for a restored cluster, give it an instance, return its endpoint."""
    region.rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier=cluster)
    assert region.describe(cluster)["DBClusterMembers"] == []
    region.instance(cluster, f"{cluster}-1")
    return str(region.describe(cluster)["Endpoint"])


def refused(call: Any, code: str) -> str:
    """The message of the error that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def snapshot(region: LocalRegion, cluster: str, **asked: Any) -> str:
    """A manual snapshot that is available."""
    name = unique("s")
    made = region.rds.create_db_cluster_snapshot(
        DBClusterSnapshotIdentifier=name, DBClusterIdentifier=cluster, **asked
    )["DBClusterSnapshot"]
    assert made["Status"] == "creating"
    region.rds.get_waiter("db_cluster_snapshot_available").wait(DBClusterSnapshotIdentifier=name)
    return name


def test_a_table_that_was_dropped_by_mistake_is_back(region: LocalRegion) -> None:
    name = region.cluster(instances=2)
    endpoint = region.describe(name)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id")
    before = datetime.now(UTC)
    eventually(lambda: datetime.now(UTC) - before > timedelta(seconds=1), "a second has passed")
    region.ask(endpoint, "DROP TABLE orders")
    region.ask(endpoint, "CREATE TABLE later AS SELECT 1 AS n")
    eventually(lambda: region.describe(name)["LatestRestorableTime"] > before, "it can be restored")
    copy = unique("r")
    region.rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=copy, SourceDBClusterIdentifier=name, RestoreToTime=before
    )
    restored = with_instance(region, copy)
    assert region.ask(restored, "SELECT count(*) FROM orders") == [(1000,)]
    assert region.ask(restored, "SELECT to_regclass('later')") == [(None,)]
    # Both go their own ways, with the same master user and password.
    region.ask(restored, "INSERT INTO orders VALUES (1001)")
    assert region.ask(endpoint, "SELECT to_regclass('orders'), n FROM later") == [(None, 1)]
    region.instance(copy, f"{copy}-2")
    reader = region.instances(copy)[f"{copy}-2"]["Endpoint"]["Address"]
    eventually(lambda: eventually_ask(region, reader, "SELECT max(id) FROM orders") == [(1001,)], "it reads")


def test_a_snapshot_outlives_its_cluster(embedded_region: LocalRegion) -> None:
    region, rds = embedded_region, embedded_region.rds
    name = region.cluster(instances=1, DatabaseName="shop", StorageEncrypted=True)
    shown = region.describe(name)
    region.ask(shown["Endpoint"], "CREATE TABLE kept AS SELECT 7 AS n", dbname="shop")
    first = snapshot(region, name, Tags=[{"Key": "for", "Value": "test"}])
    region.ask(shown["Endpoint"], "UPDATE kept SET n = 8", dbname="shop")
    (found,) = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=first)["DBClusterSnapshots"]
    assert (found["SnapshotType"], found["PercentProgress"]) == ("manual", 100)
    assert found["DBClusterIdentifier"] == name
    assert found["MasterUsername"] == MASTER
    assert found["StorageEncrypted"] is True
    assert found["KmsKeyId"] == shown["KmsKeyId"]
    assert found["TagList"] == [{"Key": "for", "Value": "test"}]
    copy = unique("s")
    rds.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=first, TargetDBClusterSnapshotIdentifier=copy, CopyTags=True
    )
    rds.get_waiter("db_cluster_snapshot_available").wait(DBClusterSnapshotIdentifier=copy)
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=first)
    rds.get_waiter("db_cluster_snapshot_deleted").wait(DBClusterSnapshotIdentifier=first)
    final = unique("final")
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    rds.delete_db_cluster(DBClusterIdentifier=name, FinalDBSnapshotIdentifier=final)
    rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier=name)
    events = rds.describe_events(SourceType="db-cluster-snapshot", SourceIdentifier=final)["Events"]
    assert [event["Message"] for event in events] == [
        "Creating manual cluster snapshot.",
        "Manual cluster snapshot created.",
    ]
    for source, wanted in ((copy, 7), (final, 8)):
        restored = unique("r")
        made = rds.restore_db_cluster_from_snapshot(
            DBClusterIdentifier=restored, SnapshotIdentifier=source, Engine="aurora-postgresql"
        )["DBCluster"]
        assert made["Status"] == "creating"
        assert (made["StorageEncrypted"], made["KmsKeyId"]) == (True, shown["KmsKeyId"])
        assert made["DatabaseName"] == "shop"
        endpoint = with_instance(region, restored)
        assert region.ask(endpoint, "SELECT n FROM kept", dbname="shop") == [(wanted,)]
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=source)
    assert not list((region.home.bucket / "snapshots").iterdir())
