"""Endpoints: which instance a name leads to."""

from __future__ import annotations

import subprocess

import psycopg
import pytest

from local_region import LocalRegion, eventually, unique
from test_region_clusters import refused

WHERE = "SELECT aurora_db_instance_identifier()"


def places(region: LocalRegion, host: str, lookups: int = 12) -> set[str]:
    """The instances that a name leads to, over several TTLs."""
    found = set()
    for _ in range(lookups):
        with region.connect(host) as connection:
            found.add(connection.execute(WHERE).fetchone()[0])
            # A new answer is had only after one TTL (0.5 s at the tests' scale): wait inside the database.
            connection.execute("SELECT pg_sleep(0.26)")
    return found


def test_writer_and_reader_endpoint(region: LocalRegion) -> None:
    name = region.cluster(instances=3)
    shown = region.describe(name)
    assert places(region, shown["Endpoint"], 3) == {f"{name}-1"}
    seen: set[str] = set()

    def both() -> bool:
        seen.update(places(region, shown["ReaderEndpoint"], 2))
        return seen >= {f"{name}-2", f"{name}-3"}

    eventually(both, "the reader endpoint leads to both readers")
    assert f"{name}-1" not in seen


def test_without_a_reader_the_reader_endpoint_leads_to_the_writer(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=1)
    endpoint = region.describe(name)["ReaderEndpoint"]
    assert region.ask(endpoint, "CREATE TABLE written_through_ro AS SELECT 1 AS n") == []
    assert region.ask(endpoint, WHERE) == [(f"{name}-1",)]


def test_custom_endpoints(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=3)
    rds, static, excluding = region.rds, unique("static"), unique("rest")
    made = rds.create_db_cluster_endpoint(
        DBClusterIdentifier=name,
        DBClusterEndpointIdentifier=static,
        EndpointType="ANY",
        StaticMembers=[f"{name}-3"],
    )
    assert made["Endpoint"].startswith(f"{static}.cluster-custom-")
    assert region.ask(made["Endpoint"], WHERE) == [(f"{name}-3",)]
    rest = rds.create_db_cluster_endpoint(
        DBClusterIdentifier=name,
        DBClusterEndpointIdentifier=excluding,
        EndpointType="READER",
        ExcludedMembers=[f"{name}-3"],
    )
    assert region.ask(rest["Endpoint"], WHERE) == [(f"{name}-2",)]
    kinds = [item["EndpointType"] for item in described(region, name)]
    assert sorted(kinds) == ["CUSTOM", "CUSTOM", "READER", "WRITER"]
    assert sorted(region.describe(name)["CustomEndpoints"]) == sorted([made["Endpoint"], rest["Endpoint"]])
    # A READER endpoint drops a member that becomes the writer (FACTS 3.15).
    rds.failover_db_cluster(DBClusterIdentifier=name, TargetDBInstanceIdentifier=f"{name}-2")
    region.wait_available(name)
    eventually(
        lambda: region.ask(rest["Endpoint"], WHERE) == [(f"{name}-1",)], "only the old writer is left", 10
    )
    refused(
        lambda: rds.modify_db_cluster_endpoint(
            DBClusterEndpointIdentifier=static, StaticMembers=[f"{name}-1"], ExcludedMembers=[f"{name}-2"]
        ),
        "InvalidParameterCombination",
    )
    rds.modify_db_cluster_endpoint(DBClusterEndpointIdentifier=static, StaticMembers=[f"{name}-1"])
    eventually(lambda: region.ask(made["Endpoint"], WHERE) == [(f"{name}-1",)], "the new member answers", 10)
    rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=static)
    eventually(lambda: static in region.refusal(made["Endpoint"]), "the deleted name is unknown", 10.0)
    for _ in range(4):
        rds.create_db_cluster_endpoint(
            DBClusterIdentifier=name, DBClusterEndpointIdentifier=unique("e"), EndpointType="ANY"
        )
    refused(
        lambda: rds.create_db_cluster_endpoint(
            DBClusterIdentifier=name, DBClusterEndpointIdentifier=unique("e"), EndpointType="ANY"
        ),
        "DBClusterEndpointQuotaExceededFault",
        403,
    )


def described(region: LocalRegion, cluster: str) -> list[dict[str, str]]:
    """The cluster's endpoints as the API lists them."""
    found = region.rds.describe_db_cluster_endpoints(DBClusterIdentifier=cluster)["DBClusterEndpoints"]
    return list(found)


def test_an_old_answer_lives_for_one_ttl(embedded_region: LocalRegion) -> None:
    """After a failover a name that was just looked up still leads to the old writer: now a reader, or down."""
    region = embedded_region
    name = region.cluster(instances=2)
    endpoint = region.describe(name)["Endpoint"]
    assert region.ask(endpoint, WHERE) == [(f"{name}-1",)]
    eventually(lambda: region.ask(endpoint, WHERE) == [(f"{name}-1",)], "looked up")
    region.rds.failover_db_cluster(DBClusterIdentifier=name)

    def led_to() -> str:
        try:
            return str(region.ask(endpoint, WHERE)[0][0])
        except psycopg.OperationalError as error:
            return str(error)

    eventually(lambda: led_to() == f"{name}-2", "the endpoint leads to the new writer", 10.0)


@pytest.mark.parametrize("mode", ["verify-full", "require"])
def test_psql_connects_by_name(embedded_region: LocalRegion, mode: str) -> None:
    region = embedded_region
    name = region.cluster()
    environment = {**region.environment(), "PGSSLMODE": mode, "PGUSER": "teacher", "PGDATABASE": "postgres"}
    host = region.describe(name)["Endpoint"]
    command = ["psql", "-h", host, "-XAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert (result.stdout.strip(), result.stderr) == ("t", "")
