"""DB clusters by boto3: what the API says and what PostgreSQL then does."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from local_region import MASTER, PASSWORD, LocalRegion, eventually, unique

MINIMAL = {"Engine": "aurora-postgresql", "MasterUsername": MASTER, "MasterUserPassword": PASSWORD}


def refused(call, code: str, status: int = 400) -> str:
    """The call is refused with this code and HTTP status; returns the message."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), answer
    return str(answer["Error"]["Message"])


def test_a_cluster_made_by_the_api_has_no_instance(embedded_region: LocalRegion) -> None:
    region, name = embedded_region, unique("Bare")
    made = region.rds.create_db_cluster(DBClusterIdentifier=name, **MINIMAL)["DBCluster"]
    assert made["Status"] == "creating"
    assert made["DBClusterIdentifier"] == name.lower()
    region.wait_available(name)
    shown = region.describe(name)
    assert shown["DBClusterMembers"] == []
    assert shown["Endpoint"].startswith(f"{name.lower()}.cluster-c")
    assert shown["ReaderEndpoint"] == shown["Endpoint"].replace(".cluster-", ".cluster-ro-")
    assert shown["Endpoint"].endswith(".us-west-2.rds.amazonaws.com")
    assert (shown["BackupRetentionPeriod"], shown["StorageEncrypted"]) == (1, False)
    assert shown["StorageEncryptionType"] == "sse-rds"
    assert "StorageType" not in shown
    assert "_lab" not in shown
    assert "has no instance yet" in region.refusal(shown["Endpoint"])


def test_names_and_values_are_checked(embedded_region: LocalRegion) -> None:
    create = embedded_region.rds.create_db_cluster

    def tried(**asked: object):
        parameters = {"DBClusterIdentifier": unique("x"), **MINIMAL, **asked}
        return lambda: create(**{key: value for key, value in parameters.items() if value is not None})

    for name in ("1abc", "a--b", "a-", "a_b", "a" * 64):
        refused(tried(DBClusterIdentifier=name), "InvalidParameterValue")
    for password in ("short", "x" * 42, "with space 1", 'quote"quote', "a/b@c-long"):
        refused(tried(MasterUserPassword=password), "InvalidParameterValue")
    for user in ("rdsadmin", "1abc", "a" * 17, "pg_x"):
        refused(tried(MasterUsername=user), "InvalidParameterValue")
    refused(tried(MasterUserPassword=None), "InvalidParameterValue")
    refused(tried(BackupRetentionPeriod=0), "InvalidParameterValue")
    refused(tried(BackupRetentionPeriod=36), "InvalidParameterValue")
    refused(tried(Port=80), "InvalidParameterValue")
    refused(tried(StorageType="gp3"), "InvalidParameterValue")
    refused(tried(DatabaseName="1db"), "InvalidParameterValue")
    refused(tried(PreferredBackupWindow="9-10"), "InvalidParameterValue")
    refused(tried(PreferredMaintenanceWindow="sun:10:00-sun:10:10"), "InvalidParameterValue")
    refused(tried(EngineVersion="9.6.1"), "InvalidParameterCombination")
    refused(tried(EngineMode="serverless"), "InvalidParameterCombination")
    refused(tried(BacktrackWindow=3600), "InvalidParameterCombination")
    refused(tried(DBClusterParameterGroupName="nosuch"), "DBClusterParameterGroupNotFound", 404)
    refused(tried(DBSubnetGroupName="nosuch"), "DBSubnetGroupNotFoundFault", 404)
    refused(
        tried(ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 0.5}),
        "InvalidParameterValue",
    )
    refused(
        tried(
            ServerlessV2ScalingConfiguration={
                "MinCapacity": 1,
                "MaxCapacity": 2,
                "SecondsUntilAutoPause": 300,
            }
        ),
        "InvalidParameterValue",
    )


def test_a_second_cluster_of_the_same_name_is_refused_and_changes_nothing(
    embedded_region: LocalRegion,
) -> None:
    region = embedded_region
    name = region.cluster(instances=0)
    before = region.describe(name)
    message = refused(
        lambda: region.rds.create_db_cluster(DBClusterIdentifier=name.upper(), **MINIMAL),
        "DBClusterAlreadyExistsFault",
    )
    assert "already exists" in message
    after = region.describe(name)
    for volatile in ("LatestRestorableTime",):
        before.pop(volatile)
        after.pop(volatile)
    assert after == before


def test_unknown_clusters_are_not_found(embedded_region: LocalRegion) -> None:
    rds = embedded_region.rds
    for call in (
        lambda: rds.describe_db_clusters(DBClusterIdentifier="nosuch"),
        lambda: rds.delete_db_cluster(DBClusterIdentifier="nosuch", SkipFinalSnapshot=True),
        lambda: rds.modify_db_cluster(DBClusterIdentifier="nosuch"),
        lambda: rds.failover_db_cluster(DBClusterIdentifier="nosuch"),
        lambda: rds.start_db_cluster(DBClusterIdentifier="nosuch"),
    ):
        refused(call, "DBClusterNotFoundFault", 404)


def test_a_cluster_with_instances_or_protection_is_not_deleted(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(DeletionProtection=True)
    delete = region.rds.delete_db_cluster
    assert "protection" in refused(
        lambda: delete(DBClusterIdentifier=name, SkipFinalSnapshot=True), "InvalidParameterCombination"
    )
    region.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False)
    assert "still contains DB instances" in refused(
        lambda: delete(DBClusterIdentifier=name, SkipFinalSnapshot=True), "InvalidDBClusterStateFault"
    )
    refused(lambda: delete(DBClusterIdentifier=name), "InvalidParameterCombination")
    region.rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    delete(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    region.rds.get_waiter("db_cluster_deleted").wait(
        DBClusterIdentifier=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    refused(lambda: region.describe(name), "DBClusterNotFoundFault", 404)


def test_stopped_and_started_again_with_its_data(region: LocalRegion) -> None:
    name = region.cluster(instances=2)
    endpoint = region.describe(name)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert region.rds.stop_db_cluster(DBClusterIdentifier=name)["DBCluster"]["Status"] == "stopping"
    eventually(lambda: region.describe(name)["Status"] == "stopped", "stopped")
    assert {item["DBInstanceStatus"] for item in region.instances(name).values()} == {"stopped"}
    assert "AutomaticRestartTime" in region.describe(name)
    assert region.refusal(endpoint)
    refused(lambda: region.rds.stop_db_cluster(DBClusterIdentifier=name), "InvalidDBClusterStateFault")
    region.rds.start_db_cluster(DBClusterIdentifier=name)
    region.wait_available(name)
    assert region.ask(endpoint, "SELECT answer FROM kept") == [(42,)]


def test_a_new_password_takes_the_place_of_the_old(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster()
    endpoint = region.describe(name)["Endpoint"]
    shown = region.rds.modify_db_cluster(DBClusterIdentifier=name, MasterUserPassword="another-word-7")[
        "DBCluster"
    ]
    assert shown["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    region.wait_available(name)
    assert region.ask(endpoint, "SELECT 1", password="another-word-7") == [(1,)]
    assert "password authentication failed" in region.refusal(endpoint)


def test_a_renamed_cluster_has_new_endpoints_and_the_same_data(embedded_region: LocalRegion) -> None:
    region = embedded_region
    old = region.cluster()
    region.ask(region.describe(old)["Endpoint"], "CREATE TABLE kept ()")
    old_endpoint, new = region.describe(old)["Endpoint"], unique("renamed")
    region.rds.modify_db_cluster(DBClusterIdentifier=old, NewDBClusterIdentifier=new, ApplyImmediately=True)
    region.wait_available(new)
    region.ask(region.describe(new)["Endpoint"], "SELECT * FROM kept")
    refused(lambda: region.describe(old), "DBClusterNotFoundFault", 404)
    # For one TTL an old answer may still lead there.
    eventually(lambda: old in region.refusal(old_endpoint), "the old name is unknown", 10.0)


def test_describe_pages_and_filters(embedded_region: LocalRegion) -> None:
    region = embedded_region
    mine = {region.cluster(instances=0, prefix="page") for _ in range(3)}
    everything = {
        cluster["DBClusterIdentifier"]
        for page in region.rds.get_paginator("describe_db_clusters").paginate(
            PaginationConfig={"PageSize": 20}
        )
        for cluster in page["DBClusters"]
    }
    assert mine <= everything
    filters = [{"Name": "db-cluster-id", "Values": sorted(mine)[:2]}]
    found = region.rds.describe_db_clusters(Filters=filters)["DBClusters"]
    assert [item["DBClusterIdentifier"] for item in found] == sorted(mine)[:2]
    refused(
        lambda: region.rds.describe_db_clusters(Filters=[{"Name": "colour", "Values": ["red"]}]),
        "InvalidParameterValue",
    )


def test_waiters_return_at_once(embedded_region: LocalRegion) -> None:
    region, name = embedded_region, unique("waited")
    region.rds.create_db_cluster(DBClusterIdentifier=name, **MINIMAL)
    region.instance(name, f"{name}-1", wait=False)
    # With the waiter's own delay of 30 s: the region holds the first call until there is an answer, so one
    # attempt is enough.
    region.rds.get_waiter("db_cluster_available").wait(
        DBClusterIdentifier=name, WaiterConfig={"MaxAttempts": 1}
    )
    region.rds.get_waiter("db_instance_available").wait(
        DBInstanceIdentifier=f"{name}-1", WaiterConfig={"MaxAttempts": 1}
    )


def test_an_operation_that_is_not_there_says_so(embedded_region: LocalRegion) -> None:
    message = refused(
        embedded_region.rds.describe_db_proxies,
        "NotImplemented",
        501,
    )
    assert "DescribeDBProxies" in message
