"""DB instances by boto3: roles, restarts, deletion, parameters."""

from __future__ import annotations

import psycopg
import pytest

from local_region import MASTER, LocalRegion, eventually, unique
from test_region_clusters import refused


def test_the_first_instance_is_the_writer_and_the_others_read(region: LocalRegion) -> None:
    name = region.cluster(instances=3)
    assert region.writer(name) == f"{name}-1"
    shown = region.instances(name)
    assert {item["AvailabilityZone"] for item in shown.values()} == {"us-west-2a", "us-west-2b", "us-west-2c"}
    assert {item["PromotionTier"] for item in shown.values()} == {1}
    assert region.describe(name)["MultiAZ"] is True
    for identifier, item in shown.items():
        host = item["Endpoint"]["Address"]
        assert region.ask(host, "SELECT aurora_db_instance_identifier()") == [(identifier,)]
        recovery = region.ask(host, "SELECT pg_is_in_recovery()")[0][0]
        assert recovery is (identifier != f"{name}-1")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as caught:
        region.ask(shown[f"{name}-2"]["Endpoint"]["Address"], "CREATE TABLE t ()")
    assert caught.value.sqlstate == "25006"


def test_the_master_user_is_not_a_superuser(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(DatabaseName="shop")
    host = region.describe(name)["Endpoint"]
    sql = "SELECT rolsuper, rolcreatedb, rolcreaterole, pg_has_role(rolname, 'rds_superuser', 'member') FROM pg_roles"
    assert region.ask(host, f"{sql} WHERE rolname = '{MASTER}'", dbname="shop") == [(False, True, True, True)]


def test_values_are_checked(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster()

    def tried(**asked: object):
        parameters = {
            "DBInstanceIdentifier": unique("i"),
            "DBClusterIdentifier": name,
            "Engine": "aurora-postgresql",
            "DBInstanceClass": "db.r6g.large",
            **asked,
        }
        return lambda: region.rds.create_db_instance(**{k: v for k, v in parameters.items() if v is not None})

    refused(tried(DBInstanceClass="db.huge.large"), "InvalidParameterValue")
    refused(tried(PromotionTier=16), "InvalidParameterValue")
    refused(tried(DBClusterIdentifier="nosuch"), "DBClusterNotFoundFault", 404)
    refused(tried(DBClusterIdentifier=None), "InvalidParameterCombination")
    refused(tried(DBInstanceIdentifier=f"{name}-1"), "DBInstanceAlreadyExists")
    refused(tried(MasterUserPassword="whatever-1"), "InvalidParameterCombination")
    refused(tried(AvailabilityZone="us-west-2x"), "InvalidParameterValue")
    refused(tried(MultiAZ=True), "InvalidParameterCombination")
    refused(tried(DBParameterGroupName="nosuch"), "DBParameterGroupNotFound", 404)
    refused(tried(DBInstanceClass="db.serverless"), "InvalidParameterCombination")
    reboot = region.rds.reboot_db_instance
    refused(
        lambda: reboot(DBInstanceIdentifier=f"{name}-1", ForceFailover=True), "InvalidParameterCombination"
    )
    refused(lambda: reboot(DBInstanceIdentifier="nosuch"), "DBInstanceNotFound", 404)


def test_deleting_the_writer_promotes_a_reader_first(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=2)
    region.ask(region.describe(name)["Endpoint"], "CREATE TABLE kept AS SELECT 7 AS n")
    region.rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    region.rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=f"{name}-1", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    region.wait_available(name)
    assert region.writer(name) == f"{name}-2"
    rows = eventually_ask(region, region.describe(name)["Endpoint"], "SELECT n FROM kept")
    assert rows == [(7,)]


def test_without_its_last_instance_a_cluster_keeps_its_data(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=1)
    region.ask(region.describe(name)["Endpoint"], "CREATE TABLE kept AS SELECT 7 AS n")
    region.rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    eventually(lambda: not region.instances(name), "no instance")
    assert region.describe(name)["Status"] == "available"
    region.instance(name, f"{name}-again")
    assert region.writer(name) == f"{name}-again"
    rows = eventually_ask(region, region.describe(name)["Endpoint"], "SELECT n FROM kept")
    assert rows == [(7,)]


def test_an_instance_that_is_added_while_the_last_one_goes_becomes_the_writer(
    embedded_region: LocalRegion,
) -> None:
    region = embedded_region
    name = region.cluster(instances=1)
    region.rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    region.instance(name, f"{name}-2")
    eventually(lambda: set(region.instances(name)) == {f"{name}-2"}, "the first is gone")
    assert region.writer(name) == f"{name}-2"
    assert eventually_ask(region, region.describe(name)["Endpoint"], "SELECT 1") == [(1,)]


def test_a_parameter_group_is_really_applied(region: LocalRegion) -> None:
    name, group = region.cluster(instances=2), unique("group")
    region.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=group, DBParameterGroupFamily="aurora-postgresql17", Description="test"
    )
    region.rds.modify_db_cluster(
        DBClusterIdentifier=name, DBClusterParameterGroupName=group, ApplyImmediately=True
    )

    def reboot() -> None:
        for identifier in region.instances(name):
            region.rds.reboot_db_instance(DBInstanceIdentifier=identifier)
            region.wait_available(name)

    def group_status() -> set[str]:
        return {m["DBClusterParameterGroupStatus"] for m in region.describe(name)["DBClusterMembers"]}

    # A newly associated group takes effect at the next reboot.
    eventually(lambda: group_status() == {"pending-reboot"}, "the new group waits for a reboot")
    reboot()
    eventually(lambda: group_status() == {"in-sync"}, "the new group is in effect")

    def set_parameter(parameter: str, value: str, method: str) -> None:
        region.rds.modify_db_cluster_parameter_group(
            DBClusterParameterGroupName=group,
            Parameters=[{"ParameterName": parameter, "ParameterValue": value, "ApplyMethod": method}],
        )

    hosts = [item["Endpoint"]["Address"] for item in region.instances(name).values()]

    def shown(parameter: str) -> set[str]:
        return {str(region.ask(host, f"SHOW {parameter}")[0][0]) for host in hosts}

    set_parameter("log_min_duration_statement", "1234", "immediate")
    eventually(lambda: shown("log_min_duration_statement") == {"1234ms"}, "dynamic parameter applied")
    before = shown("max_locks_per_transaction")
    set_parameter("max_locks_per_transaction", "128", "pending-reboot")

    eventually(lambda: group_status() == {"pending-reboot"}, "the group waits for a reboot")
    assert shown("max_locks_per_transaction") == before
    reboot()
    assert shown("max_locks_per_transaction") == {"128"}
    eventually(lambda: group_status() == {"in-sync"}, "the change is in effect")


def test_a_new_class_restarts_the_instance_and_changes_max_connections(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster()
    host = region.describe(name)["Endpoint"]
    before = int(region.ask(host, "SHOW max_connections")[0][0])
    region.rds.modify_db_instance(DBInstanceIdentifier=f"{name}-1", DBInstanceClass="db.t4g.medium")
    pending = region.instances(name)[f"{name}-1"]
    assert pending["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.medium"}
    assert pending["DBInstanceClass"] == "db.r6g.large"
    region.rds.modify_db_instance(
        DBInstanceIdentifier=f"{name}-1", DBInstanceClass="db.t4g.medium", ApplyImmediately=True
    )
    region.wait_available(name)
    assert region.instances(name)[f"{name}-1"]["DBInstanceClass"] == "db.t4g.medium"
    after = int(eventually_ask(region, host, "SHOW max_connections")[0][0])
    assert after < before


def test_a_renamed_instance_keeps_its_server(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name, new = region.cluster(), unique("new")
    region.rds.modify_db_instance(
        DBInstanceIdentifier=f"{name}-1", NewDBInstanceIdentifier=new, ApplyImmediately=True
    )
    region.wait_available(name)
    assert region.writer(name) == new
    host = region.instances(name)[new]["Endpoint"]["Address"]
    assert eventually_ask(region, host, "SELECT aurora_db_instance_identifier()") == [(new,)]


def eventually_ask(region: LocalRegion, host: str, sql: str) -> list[tuple[object, ...]]:
    """Ask until there is an answer: for one TTL after a change a name may lead to the old place."""

    def tried() -> list[tuple[object, ...]] | None:
        try:
            return region.ask(host, sql)
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
            return None

    return eventually(tried, f"{host} answers", 10.0) or []
