"""RDS DB instances by boto3 and psycopg: created, changed, replicated, promoted, stopped and deleted."""

from __future__ import annotations

import psycopg
import pytest

from local_databases import (
    available,
    host,
    make,
    reads,
    replicate,
    shown,
)
from local_region import LocalRegion, eventually, unique
from test_region_clusters import refused
from test_region_failover import messages
from test_region_instances import eventually_ask


def test_a_database_has_storage_and_a_name_of_its_own_and_no_cluster(region: LocalRegion) -> None:
    name = make(region, DBName="shop", AllocatedStorage=40, StorageType="gp3")
    found = shown(region, name)
    assert (found["AllocatedStorage"], found["StorageType"], found["Iops"]) == (40, "gp3", 3000)
    assert found["MultiAZ"] is False
    assert "DBClusterIdentifier" not in found
    label = host(region, name).split(".")
    assert label[0] == name
    assert not label[1].startswith("cluster")
    # By the same router, with the certificate checked, by psycopg.
    assert region.ask(host(region, name), "SELECT pg_is_in_recovery()", dbname="shop") == [(False,)]
    assert messages(region, name, "db-instance") == ["DB instance created."]


def test_a_driver_can_tell_it_from_aurora(embedded_region: LocalRegion) -> None:
    region = embedded_region
    address = host(region, make(region, DBName="shop"))
    offered = "SELECT setting FROM pg_settings WHERE name = 'rds.extensions'"
    ((extensions,),) = region.ask(address, offered, dbname="shop")
    assert "rds_tools" in extensions
    assert "aurora_stat_utils" not in extensions
    for database in ("postgres", "shop"):
        with pytest.raises(psycopg.errors.UndefinedFunction):
            region.ask(address, "SELECT aurora_version()", dbname=database)
    region.ask(address, "CREATE DATABASE later TEMPLATE template0")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        region.ask(address, "SELECT * FROM aurora_replica_status()", dbname="later")


def test_a_reader_of_aurora_shares_the_volume_where_a_replica_has_a_copy(
    embedded_region: LocalRegion,
) -> None:
    region = embedded_region
    cluster = region.cluster(instances=2)
    database = make(region)
    replica = replicate(region, database)
    readers = region.describe(cluster)["ReaderEndpoint"]
    for writer, reader in (
        (region.describe(cluster)["Endpoint"], readers),
        (host(region, database), host(region, replica)),
    ):
        region.ask(writer, "CREATE TABLE kept AS SELECT 7 AS n")
        eventually(lambda reader=reader: reads(region, reader) == [(7,)], "both can be read")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            region.ask(reader, "CREATE TABLE t ()")
    # What they are for differs: an Aurora reader is the failover target, a replica is not (FACTS 4.7).
    region.rds.failover_db_cluster(DBClusterIdentifier=cluster)
    eventually(lambda: region.writer(cluster) == f"{cluster}-2", "Aurora has failed over to its reader")
    refused(
        lambda: region.rds.reboot_db_instance(DBInstanceIdentifier=database, ForceFailover=True),
        "InvalidParameterCombination",
    )
    region.wait_available(cluster)


def test_a_promoted_replica_is_an_instance_of_its_own(region: LocalRegion) -> None:
    name = make(region)
    replica = replicate(region, name)
    assert shown(region, name)["ReadReplicaDBInstanceIdentifiers"] == [replica]
    assert shown(region, replica)["ReadReplicaSourceDBInstanceIdentifier"] == name
    assert shown(region, replica)["StatusInfos"][0]["Status"] == "replicating"
    region.ask(host(region, name), "CREATE TABLE kept AS SELECT 1 AS n")
    eventually(lambda: reads(region, host(region, replica)) == [(1,)], "replicated")
    region.rds.promote_read_replica(DBInstanceIdentifier=replica)
    eventually(lambda: "ReadReplicaSourceDBInstanceIdentifier" not in shown(region, replica), "parted")
    available(region, replica)
    # From here on each goes its own way.
    assert eventually_ask(region, host(region, replica), "INSERT INTO kept VALUES (2) RETURNING n") == [(2,)]
    region.ask(host(region, name), "INSERT INTO kept VALUES (3)")
    assert region.ask(host(region, replica), "SELECT n FROM kept ORDER BY n") == [(1,), (2,)]
    assert region.ask(host(region, name), "SELECT n FROM kept ORDER BY n") == [(1,), (3,)]
    assert shown(region, name)["ReadReplicaDBInstanceIdentifiers"] == []
    # It can be the source of replicas itself, and outlives its former source.
    region.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    second = replicate(region, replica)
    assert region.ask(host(region, second), "SELECT count(*) FROM kept") == [(2,)]


def test_deleting_a_source_leaves_its_replica_behind(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region)
    replica = replicate(region, name)
    region.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    region.rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    available(region, replica)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in shown(region, replica)
    assert eventually_ask(region, host(region, replica), "SELECT pg_is_in_recovery()") == [(False,)]


def test_class_storage_and_password_can_be_changed(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region)
    change = region.rds.modify_db_instance
    change(DBInstanceIdentifier=name, DBInstanceClass="db.r6g.xlarge", AllocatedStorage=21)
    # At least a tenth more (API), and not before it is asked for.
    assert shown(region, name)["PendingModifiedValues"] == {
        "DBInstanceClass": "db.r6g.xlarge",
        "AllocatedStorage": 22,
    }
    change(DBInstanceIdentifier=name, ApplyImmediately=True, MasterUserPassword="another-horse-7")
    available(region, name)
    found = shown(region, name)
    assert (found["DBInstanceClass"], found["AllocatedStorage"]) == ("db.r6g.xlarge", 22)
    assert found["PendingModifiedValues"] == {}
    assert region.ask(host(region, name), "SELECT 1", password="another-horse-7") == [(1,)]
    assert "password authentication failed" in region.refusal(host(region, name))


def test_stopped_it_says_so_and_started_it_has_its_data(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region, MultiAZ=True)
    region.ask(host(region, name), "CREATE TABLE kept AS SELECT 1 AS n")
    region.rds.stop_db_instance(DBInstanceIdentifier=name)
    eventually(lambda: shown(region, name)["DBInstanceStatus"] == "stopped", "stopped")
    assert "AutomaticRestartTime" in shown(region, name)
    eventually(lambda: f"DB instance {name} is stopped" in region.refusal(host(region, name)), "it says so")
    region.rds.start_db_instance(DBInstanceIdentifier=name)
    available(region, name)
    assert eventually_ask(region, host(region, name), "SELECT n FROM kept") == [(1,)]
    assert messages(region, name, "db-instance")[-2:] == ["DB instance stopped.", "DB instance started."]


def test_values_are_checked(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region, DeletionProtection=True, BackupRetentionPeriod=0)

    def tried(**asked: object):
        return lambda: make(region, wait=False, **asked)

    for asked in (
        {"AllocatedStorage": 19},
        {"DBInstanceClass": "db.serverless"},
        {"StorageType": "aurora"},
        {"MasterUserPassword": "short"},
        {"AvailabilityZone": "us-west-2x"},
        {"BackupRetentionPeriod": 36},
    ):
        refused(tried(**asked), "InvalidParameterValue")
    for asked in (
        {"StorageType": "io1", "AllocatedStorage": 100},
        {"MultiAZ": True, "AvailabilityZone": "us-west-2a"},
        {"DBParameterGroupName": "default.aurora-postgresql17"},
        {"DBClusterIdentifier": "some"},
        {"EngineVersion": "9.6"},
        {"LicenseModel": "bring-your-own-license"},
    ):
        refused(tried(**asked), "InvalidParameterCombination")
    refused(tried(DBInstanceIdentifier=name), "DBInstanceAlreadyExists")
    refused(tried(DBSubnetGroupName="nosuch"), "DBSubnetGroupNotFoundFault", 404)
    rds = region.rds
    refused(
        lambda: rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True),
        "InvalidParameterCombination",
    )
    refused(lambda: rds.delete_db_instance(DBInstanceIdentifier=name), "InvalidParameterCombination")
    refused(lambda: rds.promote_read_replica(DBInstanceIdentifier=name), "InvalidDBInstanceState")
    refused(lambda: rds.start_db_instance(DBInstanceIdentifier=name), "InvalidDBInstanceState")
    refused(
        lambda: rds.modify_db_instance(DBInstanceIdentifier=name, AllocatedStorage=10),
        "InvalidParameterCombination",
    )
    # A source of replicas has backups (API `CreateDBInstanceReadReplica`).
    refused(
        lambda: rds.create_db_instance_read_replica(
            DBInstanceIdentifier=unique("rr"), SourceDBInstanceIdentifier=name
        ),
        "InvalidDBInstanceState",
    )


def test_what_is_for_one_kind_is_refused_for_the_other(embedded_region: LocalRegion) -> None:
    region = embedded_region
    cluster = region.cluster()
    instance = f"{cluster}-1"
    rds = region.rds
    for call in (rds.stop_db_instance, rds.start_db_instance):
        refused(lambda call=call: call(DBInstanceIdentifier=instance), "InvalidParameterCombination")
    refused(
        lambda: rds.create_db_instance_read_replica(
            DBInstanceIdentifier=unique("rr"), SourceDBInstanceIdentifier=instance
        ),
        "InvalidParameterCombination",
    )
    refused(lambda: rds.promote_read_replica(DBInstanceIdentifier=instance), "InvalidDBInstanceState")
    name = make(region)
    found = rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [cluster]}])["DBInstances"]
    assert [item["DBInstanceIdentifier"] for item in found] == [instance]
    found = rds.describe_db_instances(Filters=[{"Name": "engine", "Values": ["postgres"]}])["DBInstances"]
    assert [item["DBInstanceIdentifier"] for item in found] == [name]
