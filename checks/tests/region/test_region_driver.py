"""The AWS driver's plugins over the region: failover, host monitoring, read-write splitting, stale names."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from aurora_lab.region import client
from aws_driver import WHERE, Driver
from local_region import LocalRegion, eventually


@pytest.mark.parametrize("how", ["killed", "planned"])
def test_the_aws_driver_survives_a_failover(embedded_region: LocalRegion, how: str) -> None:
    region = embedded_region
    name = region.cluster(instances=3)
    driver = Driver(region, region.describe(name)["Endpoint"])
    try:
        region.ask(region.describe(name)["Endpoint"], "CREATE TABLE kept AS SELECT 1 AS n")
        assert driver.ask(WHERE) == [f"{name}-1"]
        if how == "killed":
            region.fault(f"{name}-1", "kill")
        else:
            region.rds.failover_db_cluster(DBClusterIdentifier=name)
        seen: list[Any] = []

        def failed_over() -> bool:
            seen.append(driver.ask(WHERE))
            return isinstance(seen[-1], list) and seen[-1] != [f"{name}-1"]

        eventually(failed_over, "the same connection leads to the new writer", 30.0)
        assert "FailoverSuccessError" in seen, "the driver says that it has failed over"
        assert {each for each in seen if isinstance(each, str)} == {"FailoverSuccessError"}
        assert driver.ask("INSERT INTO kept SELECT 2 RETURNING n") == [2]
    finally:
        driver.close()
    region.wait_available(name)


def test_the_aws_driver_splits_reads_from_writes(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=2)
    endpoint = region.describe(name)["Endpoint"]
    driver = Driver(region, endpoint, "read_write_splitting,failover_v2,host_monitoring_v2")
    try:
        assert driver.ask(WHERE) == [f"{name}-1"]
        driver.read_only(True)
        assert driver.ask(WHERE) == [f"{name}-2"]
        driver.read_only(False)
        assert driver.ask(WHERE) == [f"{name}-1"]
    finally:
        driver.close()


def test_the_aws_driver_gives_up_an_instance_that_hangs(embedded_region: LocalRegion) -> None:
    """Host monitoring alone: the server hangs, its connections stay open, and no answer will ever come."""
    region = embedded_region
    name = region.cluster(instances=2)
    address = region.instances(name)[f"{name}-2"]["Endpoint"]["Address"]
    quick = {
        "failure_detection_time_ms": 500,
        "failure_detection_interval_ms": 300,
        "failure_detection_count": 2,
    }
    driver = Driver(region, address, "host_monitoring_v2", **quick, **{"monitoring-connect_timeout": 2})
    try:
        assert driver.ask(WHERE) == [f"{name}-2"]
        # So slow a clock that the region itself leaves the instance alone meanwhile.
        client.ask(region.home, "scale", {"scale": 0.1})
        region.fault(f"{name}-2", "freeze")
        answer = driver.ask("SELECT pg_sleep(600)")
        assert isinstance(answer, str), "the driver has ended the call by an error"
    finally:
        client.ask(region.home, "scale", {"scale": region.scale})
        region.fault(f"{name}-2", "thaw")
        driver.close()


@pytest.mark.parametrize("plugins", ["", "stale_dns"])
def test_the_aws_driver_sees_through_a_stale_name(embedded_region: LocalRegion, plugins: str) -> None:
    """For one TTL after a failover the cluster's name leads to the old writer; with `stale_dns` to the new one."""
    region = embedded_region
    name = region.cluster(instances=2)
    host = region.describe(name)["Endpoint"]
    client.ask(region.home, "scale", {"scale": 0.1})  # One TTL takes 50 s.
    try:
        region.ask(host, WHERE)  # The answer that will be stale.
        region.rds.failover_db_cluster(DBClusterIdentifier=name)
        eventually(lambda: region.writer(name) == f"{name}-2", "failed over")

        def leads_to_the_old_writer() -> bool:
            try:
                return region.ask(host, f"{WHERE}, pg_is_in_recovery()") == [(f"{name}-1", True)]
            except psycopg.OperationalError:
                return False  # It has not come back as a reader yet.

        eventually(leads_to_the_old_writer, "the name is stale")
        driver = Driver(region, host, plugins)
        try:
            assert driver.ask(WHERE) == [f"{name}-2" if plugins else f"{name}-1"]
        finally:
            driver.close()
    finally:
        client.ask(region.home, "scale", {"scale": region.scale})
