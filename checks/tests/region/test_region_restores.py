"""Restores by boto3 alone: from snapshots, to a moment, and clones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aurora_lab.region import client
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


def volume_bytes(region: LocalRegion, cluster: str) -> int:
    """How much of a cluster's volume is its own, with all that has been written so far."""
    endpoint = region.describe(cluster)["Endpoint"]
    ((written,),) = region.ask(endpoint, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")

    def counted() -> dict[str, Any] | None:
        (found,) = [item for item in client.status(region.home)["clusters"] if item["id"] == cluster]
        volume: dict[str, Any] = found["volume"]
        return volume if volume["bytes_counted_to"] >= written else None

    return int((eventually(counted, "the volume is counted") or {})["bytes_used"])


def test_a_clone_diverges_and_costs_only_its_changes(region: LocalRegion) -> None:
    name = region.cluster(instances=1)
    endpoint = region.describe(name)["Endpoint"]
    # Whoever reads new rows first marks them as committed, which changes their pages too: here nobody does.
    region.ask(endpoint, "CREATE TABLE big (i int PRIMARY KEY, t text) WITH (autovacuum_enabled = off)")
    region.ask(endpoint, "INSERT INTO big SELECT i, repeat('x', 500) FROM generate_series(1, 8000) AS i")
    table = region.ask(endpoint, "SELECT pg_table_size('big')")[0][0]
    clone = unique("clone")
    region.rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=clone,
        SourceDBClusterIdentifier=name,
        RestoreType="copy-on-write",
        UseLatestRestorableTime=True,
    )
    cloned = with_instance(region, clone)
    assert region.describe(clone)["CloneGroupId"] == region.describe(name)["CloneGroupId"]
    whole, own = volume_bytes(region, name), volume_bytes(region, clone)
    assert whole > 7_000_000 + table, "the source counts all that it has"
    assert own < table / 4, "a clone that has just begun counts what any start of a server writes"
    region.ask(cloned, "UPDATE big SET t = 'changed' WHERE i = 10")
    region.ask(endpoint, "DELETE FROM big WHERE i > 4000")
    updated = volume_bytes(region, clone)
    print(f"table {table}, source {whole}, clone {own}, with a row updated {updated}")
    assert 0 < updated - own < table / 4, "a row costs its pages, and the source's changes nothing"
    assert region.ask(cloned, "SELECT count(*) FROM big") == [(8000,)]
    assert region.ask(endpoint, "SELECT count(*) FROM big WHERE t = 'changed'") == [(0,)]
    region.ask(cloned, "UPDATE big SET t = repeat('y', 500)")
    assert volume_bytes(region, clone) > updated + table / 2, "it costs what it has changed"


def test_what_cannot_be_restored_is_refused(embedded_region: LocalRegion) -> None:
    region, rds = embedded_region, embedded_region.rds
    name = region.cluster(instances=0)
    made = snapshot(region, name)

    def create(identifier: str = "", **asked: Any) -> Any:
        return lambda: rds.create_db_cluster_snapshot(
            DBClusterSnapshotIdentifier=identifier or unique("s"), **{"DBClusterIdentifier": name, **asked}
        )

    def restore(**asked: Any) -> Any:
        return lambda: rds.restore_db_cluster_from_snapshot(
            **{
                "DBClusterIdentifier": unique("r"),
                "SnapshotIdentifier": made,
                "Engine": "aurora-postgresql",
                **asked,
            }
        )

    def rewind(**asked: Any) -> Any:
        return lambda: rds.restore_db_cluster_to_point_in_time(
            **{"DBClusterIdentifier": unique("r"), "SourceDBClusterIdentifier": name, **asked}
        )

    now = datetime.now(UTC)
    refused(create(made), "DBClusterSnapshotAlreadyExistsFault")
    refused(create("two--hyphens"), "InvalidParameterValue")
    refused(create(DBClusterIdentifier="nosuch"), "DBClusterNotFoundFault")
    refused(restore(SnapshotIdentifier="nosuch"), "DBClusterSnapshotNotFoundFault")
    refused(restore(DBClusterIdentifier=name), "DBClusterAlreadyExistsFault")
    refused(restore(Engine="mysql"), "InvalidParameterValue")
    refused(restore(BackupRetentionPeriod=36), "InvalidParameterValue")
    refused(restore(DBClusterParameterGroupName="nosuch"), "DBClusterParameterGroupNotFound")
    refused(restore(DBSubnetGroupName="nosuch"), "DBSubnetGroupNotFoundFault")
    refused(
        rewind(SourceDBClusterIdentifier="nosuch", UseLatestRestorableTime=True), "DBClusterNotFoundFault"
    )
    refused(rewind(), "InvalidParameterCombination")
    refused(rewind(RestoreToTime=now, UseLatestRestorableTime=True), "InvalidParameterCombination")
    refused(rewind(RestoreToTime=now, RestoreType="copy-on-write"), "InvalidParameterCombination")
    refused(rewind(UseLatestRestorableTime=True, RestoreType="other"), "InvalidParameterValue")
    refused(rewind(RestoreToTime=now + timedelta(hours=1)), "InvalidRestoreFault")
    refused(rewind(RestoreToTime=now - timedelta(days=1)), "InvalidRestoreFault")
    no_instance = refused(
        rewind(RestoreType="copy-on-write", UseLatestRestorableTime=True), "InvalidDBClusterStateFault"
    )
    assert no_instance == f"DB cluster {name} has no DB instance: it cannot be cloned."
    refused(
        lambda: rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="nosuch"),
        "DBClusterSnapshotNotFoundFault",
    )
    refused(
        lambda: rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier=unique("r"), SourceDbClusterResourceId="nosuch", UseLatestRestorableTime=True
        ),
        "DBClusterAutomatedBackupNotFoundFault",
    )
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=made)


def test_snapshots_are_shared_listed_and_counted(embedded_region: LocalRegion) -> None:
    region, rds = embedded_region, embedded_region.rds
    name = region.cluster(instances=0)
    made = snapshot(region, name)
    arn = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=made)["DBClusterSnapshots"][0][
        "DBClusterSnapshotArn"
    ]

    def share(**asked: Any) -> Any:
        return rds.modify_db_cluster_snapshot_attribute(
            DBClusterSnapshotIdentifier=made, **{"AttributeName": "restore", **asked}
        )["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"]

    assert share(ValuesToAdd=["111122223333", "all"]) == [
        {"AttributeName": "restore", "AttributeValues": ["111122223333", "all"]}
    ]
    assert share(ValuesToRemove=["all"])[0]["AttributeValues"] == ["111122223333"]
    shown = rds.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier=arn)
    assert shown["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"] == share()
    refused(lambda: share(AttributeName="other"), "InvalidParameterValue")
    refused(lambda: share(ValuesToAdd=["me"]), "InvalidParameterValue")
    refused(
        lambda: share(ValuesToAdd=[f"{number:012}" for number in range(20)]), "SharedSnapshotQuotaExceeded"
    )
    others = [f"{made}-{number}" for number in range(24)]
    for other in others:
        rds.copy_db_cluster_snapshot(
            SourceDBClusterSnapshotIdentifier=arn, TargetDBClusterSnapshotIdentifier=other
        )
    pages = rds.get_paginator("describe_db_cluster_snapshots").paginate(
        DBClusterIdentifier=name, SnapshotType="manual", PaginationConfig={"PageSize": 20}
    )
    found = [[item["DBClusterSnapshotIdentifier"] for item in page["DBClusterSnapshots"]] for page in pages]
    assert [len(page) for page in found] == [20, 5]
    assert sorted(identifier for page in found for identifier in page) == sorted([made, *others])
    quotas = {item["AccountQuotaName"]: item for item in rds.describe_account_attributes()["AccountQuotas"]}
    assert quotas["ManualClusterSnapshots"]["Used"] == 25
    filters = [{"Name": "db-cluster-snapshot-id", "Values": [others[0]]}]
    (one,) = rds.describe_db_cluster_snapshots(Filters=filters)["DBClusterSnapshots"]
    assert one["SourceDBClusterSnapshotArn"] == arn
    for identifier in others:
        rds.get_waiter("db_cluster_snapshot_available").wait(DBClusterSnapshotIdentifier=identifier)
    for identifier in (made, *others):
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=identifier)
