"""RDS DB instances beside Aurora: Single-AZ, Multi-AZ, read replicas, failover, promotion."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from aurora_lab.region import client
from local_region import MASTER, PASSWORD, LocalRegion, delete_databases, eventually, local_region, unique
from test_region_clusters import refused
from test_region_failover import messages
from test_region_instances import eventually_ask
from test_region_killed import kill

STARTED, COMPLETED = "Multi-AZ instance failover started.", "Multi-AZ instance failover completed."


def make(region: LocalRegion, prefix: str = "db", wait: bool = True, **asked: Any) -> str:
    """Make an instance, by default Single-AZ."""
    name = unique(prefix)
    region.rds.create_db_instance(
        **{
            "DBInstanceIdentifier": name,
            "Engine": "postgres",
            "DBInstanceClass": "db.r6g.large",
            "AllocatedStorage": 20,
            "MasterUsername": MASTER,
            "MasterUserPassword": PASSWORD,
            **asked,
        }
    )
    if wait:
        available(region, name)
    return name


def replicate(region: LocalRegion, source: str) -> str:
    """Make a read replica and wait for it."""
    name = unique("rr")
    region.rds.create_db_instance_read_replica(DBInstanceIdentifier=name, SourceDBInstanceIdentifier=source)
    available(region, name)
    return name


def shown(region: LocalRegion, name: str) -> dict[str, Any]:
    """The instance as the API shows it."""
    found: dict[str, Any] = region.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def host(region: LocalRegion, name: str) -> str:
    """The instance's name in the zone."""
    return str(shown(region, name)["Endpoint"]["Address"])


def available(region: LocalRegion, name: str) -> None:
    """Until it is."""
    eventually(lambda: shown(region, name)["DBInstanceStatus"] == "available", f"{name} is available")


def status(region: LocalRegion, name: str) -> dict[str, Any]:
    """What the lab's own interface says of it."""
    return next(item for item in client.status(region.home)["databases"] if item["id"] == name)


def synchronous(region: LocalRegion, name: str) -> None:
    """Until commits wait for the standby."""
    eventually(
        lambda: status(region, name)["standby"]["synchronous"], f"the standby of {name} is synchronous"
    )


def seen_from_inside(region: LocalRegion, name: str, sql: str, standby: bool = False) -> list[list[Any]]:
    """What a statement answers to the administrator, on a server that a client may not reach."""
    rows: list[list[Any]] = client.ask(
        region.home, "sql", {"instance": name, "sql": sql, "standby": standby}
    )["rows"]
    return rows


class Writing(threading.Thread):
    """A client that inserts one row after the other through a name, and notes what was acknowledged."""

    def __init__(self, region: LocalRegion, name: str) -> None:
        super().__init__()
        self.region, self.host = region, host(region, name)
        region.ask(self.host, "CREATE TABLE IF NOT EXISTS kept (n int PRIMARY KEY)")
        self.acknowledged: list[int] = []
        self.enough = threading.Event()

    def run(self) -> None:
        """Until its connection is cut."""
        try:
            with self.region.connect(self.host) as connection:
                for number in range(1_000_000):
                    connection.execute("INSERT INTO kept VALUES (%s)", (number,))
                    self.acknowledged.append(number)
                    if number == 50:
                        self.enough.set()
        except psycopg.Error:
            pass  # The server died: that is the experiment.

    def missing(self) -> set[int]:
        """What was acknowledged and is not there."""
        rows = eventually_ask(self.region, self.host, "SELECT n FROM kept")
        return set(self.acknowledged) - {row[0] for row in rows}


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


def test_a_standby_has_everything_and_serves_nobody(region: LocalRegion) -> None:
    name = make(region, MultiAZ=True)
    found = shown(region, name)
    assert found["AvailabilityZone"] != found["SecondaryAvailabilityZone"]
    region.ask(host(region, name), "CREATE TABLE kept AS SELECT generate_series(1, 10) AS n")
    # Only one name leads here, and it leads to the primary, however often one asks.
    assert [item for item in names_of(region) if item.startswith(f"{name}.")] == [host(region, name)]
    assert {region.ask(host(region, name), "SELECT pg_is_in_recovery()")[0][0] for _ in range(5)} == {False}
    assert seen_from_inside(region, name, "SELECT pg_is_in_recovery()", standby=True) == [[True]]
    waits = "SELECT sync_state FROM pg_stat_replication"
    assert seen_from_inside(region, name, waits) == [["sync"]]


def names_of(region: LocalRegion) -> list[str]:
    """Every name that the region knows, as it tells a client who asks for one that it has not."""
    refusal = region.refusal(f"nobody.{'x' * 12}.us-west-2.rds.amazonaws.com")
    return [word.strip(" ,.;\n") for word in refusal.split() if ".rds.amazonaws.com" in word]


def test_a_commit_waits_for_the_standby_and_not_for_a_replica(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region, MultiAZ=True)
    replica = replicate(region, name)
    address = host(region, name)
    region.ask(address, "CREATE TABLE kept (n int)")
    seen_from_inside(region, replica, "SELECT pg_wal_replay_pause()")
    region.ask(address, "INSERT INTO kept VALUES (1)")  # The replica lags, and nobody waits for it.
    assert eventually(lambda: (status(region, replica)["lag_ms"] or 0) > 50, "the lag grows")
    assert region.ask(host(region, replica), "SELECT count(*) FROM kept") == [(0,)]
    seen_from_inside(region, replica, "SELECT pg_wal_replay_resume()")
    eventually(lambda: region.ask(host(region, replica), "SELECT count(*) FROM kept") == [(1,)], "caught up")
    # A standby that hangs holds commits up, until the region gives it up; then they go on without it.
    client.ask(region.home, "fault", {"instance": name, "action": "freeze", "standby": True})
    began = time.monotonic()
    region.ask(address, "INSERT INTO kept VALUES (2)")
    assert time.monotonic() - began > 1, "the commit has waited"
    synchronous(region, name)
    assert seen_from_inside(region, name, "SELECT count(*) FROM kept", standby=True) == [[2]]


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


def reads(region: LocalRegion, address: str) -> list[tuple[Any, ...]]:
    """What the table has; nothing where it is not there yet."""
    try:
        return region.ask(address, "SELECT n FROM kept")
    except psycopg.errors.UndefinedTable:
        return []


def test_a_forced_failover_moves_the_name_to_the_standby(region: LocalRegion) -> None:
    name = make(region, MultiAZ=True)
    before, server = shown(region, name), status(region, name)["server_port"]
    region.ask(host(region, name), "CREATE TABLE kept AS SELECT 1 AS n")
    region.rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
    assert eventually_ask(region, host(region, name), "INSERT INTO kept VALUES (2) RETURNING n") == [(2,)]
    available(region, name)
    after = shown(region, name)
    assert after["Endpoint"] == before["Endpoint"]
    assert after["AvailabilityZone"] == before["SecondaryAvailabilityZone"]
    assert after["SecondaryAvailabilityZone"] == before["AvailabilityZone"]
    assert status(region, name)["server_port"] != server
    said = messages(region, name, "db-instance")
    assert said.index(STARTED) < said.index(COMPLETED)
    # The old primary comes back as the standby.
    synchronous(region, name)
    assert seen_from_inside(region, name, "SELECT count(*) FROM kept", standby=True) == [[2]]


def test_a_killed_primary_fails_over_by_itself_and_loses_nothing(region: LocalRegion) -> None:
    name = make(region, MultiAZ=True)
    replica = replicate(region, name)
    writing = Writing(region, name)
    writing.start()
    assert writing.enough.wait(30)
    region.fault(name, "kill")
    writing.join(30)
    assert not writing.is_alive(), "a killed primary's connection ends"
    missing = writing.missing()
    assert not missing, f"{len(missing)} of {len(writing.acknowledged)} acknowledged commits are lost"
    eventually(lambda: COMPLETED in messages(region, name, "db-instance"), "the failover is told of")
    # The replica follows the new primary.
    region.ask(host(region, name), "CREATE TABLE after_it AS SELECT 1 AS n")
    synchronous(region, name)
    eventually(lambda: replicated(region, replica), "the replica follows")


def replicated(region: LocalRegion, replica: str) -> bool:
    """Whether a replica has the table that was made after the failover."""
    try:
        return region.ask(host(region, replica), "SELECT n FROM after_it") == [(1,)]
    except psycopg.Error:
        return False


def test_without_a_standby_a_killed_primary_starts_again_in_place(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region)
    server = status(region, name)["server_port"]
    writing = Writing(region, name)
    writing.start()
    assert writing.enough.wait(30)
    region.fault(name, "kill")
    writing.join(30)
    assert not writing.missing()
    assert status(region, name)["server_port"] == server
    said = messages(region, name, "db-instance")
    assert STARTED not in said
    assert "DB instance restarted." in said


def test_a_hung_primary_is_replaced(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region, MultiAZ=True)
    region.fault(name, "freeze")
    eventually(lambda: COMPLETED in messages(region, name, "db-instance"), "failed over", 30)
    assert eventually_ask(region, host(region, name), "SELECT pg_is_in_recovery()") == [(False,)]
    synchronous(region, name)


def test_a_killed_standby_is_made_again_and_nobody_notices(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region, MultiAZ=True)
    address = host(region, name)
    region.ask(address, "CREATE TABLE kept (n int)")
    client.ask(region.home, "fault", {"instance": name, "action": "kill", "standby": True})
    region.ask(address, "INSERT INTO kept VALUES (1)")
    synchronous(region, name)
    assert seen_from_inside(region, name, "SELECT count(*) FROM kept", standby=True) == [[1]]
    assert STARTED not in messages(region, name, "db-instance")


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


def test_a_standby_can_be_added_and_taken_away(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region)
    address = host(region, name)
    region.ask(address, "CREATE TABLE kept AS SELECT 1 AS n")
    region.rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=True)
    assert shown(region, name)["PendingModifiedValues"] == {"MultiAZ": True}
    with region.connect(address) as connection:
        region.rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=True, ApplyImmediately=True)
        available(region, name)
        # "Changing this parameter doesn't result in an outage" (API).
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    synchronous(region, name)
    said = messages(region, name, "db-instance")
    assert said[-2:] == ["Multi-AZ instance activation started.", "Multi-AZ instance activation completed."]
    region.rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=False, ApplyImmediately=True)
    available(region, name)
    assert "standby" not in status(region, name)
    assert "SecondaryAvailabilityZone" not in shown(region, name)
    region.ask(address, "INSERT INTO kept VALUES (2)")


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


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_it_outlives_the_region(how: str) -> None:
    with local_region() as region:
        name = make(region, MultiAZ=True)
        replica = replicate(region, name)
        region.rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
        if how == "killed":
            kill(region)  # In the middle of the failover.
        else:
            available(region, name)
            client.stop(region.home)
        region.start()
        available(region, name)
        address = host(region, name)
        assert eventually_ask(region, address, "SELECT pg_is_in_recovery()") == [(False,)]
        region.ask(address, "CREATE TABLE kept AS SELECT 1 AS n")
        synchronous(region, name)
        eventually(lambda: reads(region, host(region, replica)) == [(1,)], "the replica follows")
        assert messages(region, name, "db-instance").count(COMPLETED) == 1
        delete_databases(region)


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
    ):
        refused(tried(**asked), "InvalidParameterCombination")
    refused(tried(DBInstanceIdentifier=name), "DBInstanceAlreadyExists")
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
