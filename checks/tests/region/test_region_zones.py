"""An AZ goes out under Aurora and under RDS at once: the same experiment on both, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from aurora_lab.region import client
from local_databases import available, host, make, replicate, shown, status, synchronous
from local_region import LocalRegion, eventually, unique
from test_region_failover import messages
from test_region_instances import eventually_ask


@contextmanager
def out(region: LocalRegion, zone: str, action: str = "kill") -> Iterator[None]:
    """While an AZ is out."""
    client.ask(region.home, "fault", {"kind": "az", "name": zone, "action": action})
    try:
        yield
    finally:
        client.ask(region.home, "fault", {"kind": "az", "name": zone, "action": "undo"})


def writes(region: LocalRegion, address: str) -> bool:
    """Whether a row can be written through a name now."""
    try:
        return region.ask(address, "INSERT INTO kept DEFAULT VALUES RETURNING 1", connect_timeout=3) == [(1,)]
    except psycopg.Error:
        return False


def rows(region: LocalRegion, address: str) -> int:
    """How many have been written."""
    ((count,),) = eventually_ask(region, address, "SELECT count(*) FROM kept")
    return int(count)


def test_an_az_is_lost_under_aurora_multi_az_and_single_az(region: LocalRegion) -> None:
    cluster = region.cluster(instances=2)
    multi, single = make(region, "multi", MultiAZ=True), make(region, "single")
    addresses = {
        "aurora": region.describe(cluster)["Endpoint"],
        "multi": host(region, multi),
        "single": host(region, single),
    }
    assert region.instances(cluster)[f"{cluster}-1"]["AvailabilityZone"] == "us-west-2a"
    assert {shown(region, name)["AvailabilityZone"] for name in (multi, single)} == {"us-west-2a"}
    for address in addresses.values():
        region.ask(address, "CREATE TABLE kept (at timestamptz DEFAULT now())")
        assert writes(region, address)
    with out(region, "a"):
        # Aurora: the reader in another AZ takes over, the volume's other storage nodes are enough.
        eventually(lambda: writes(region, addresses["aurora"]), "Aurora writes again")
        # Multi-AZ: the standby gets the name.
        eventually(lambda: writes(region, addresses["multi"]), "RDS Multi-AZ writes again")
        assert shown(region, multi)["AvailabilityZone"] == "us-west-2b"
        assert not status(region, multi)["standby"]["synchronous"]
        # Single-AZ: the only copy of the data is on a disk in that AZ.
        assert not writes(region, addresses["single"])
        assert status(region, single)["server"] == "stopped"
    assert eventually(lambda: writes(region, addresses["single"]), "Single-AZ is back")
    synchronous(region, multi)
    for address in addresses.values():
        assert rows(region, address) == 2
    region.wait_available(cluster)


def test_the_az_of_the_standby_is_lost(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region, MultiAZ=True)
    address = host(region, name)
    region.ask(address, "CREATE TABLE kept (at timestamptz DEFAULT now())")
    with out(region, "b"):
        eventually(lambda: writes(region, address), "commits go on without the standby")
        assert not status(region, name)["standby"]["synchronous"]
        # With the standby gone, a primary that dies starts again in place: a stale standby is never promoted.
        server = status(region, name)["server_port"]
        region.fault(name, "kill")
        eventually(lambda: writes(region, address), "restarted in place")
        assert status(region, name)["server_port"] == server
    synchronous(region, name)
    assert rows(region, address) == 2
    assert "Multi-AZ instance failover started." not in messages(region, name, "db-instance")


def test_an_az_that_hangs_is_left_behind(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region, MultiAZ=True)
    address = host(region, name)
    region.ask(address, "CREATE TABLE kept (at timestamptz DEFAULT now())")
    with out(region, "a", "pause"):
        eventually(lambda: writes(region, address), "the standby writes")
        assert shown(region, name)["AvailabilityZone"] == "us-west-2b"
    synchronous(region, name)
    assert rows(region, address) == 1


def test_a_replica_in_another_az_goes_on_reading(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = make(region)
    replica = replicate(region, name)
    region.ask(host(region, name), "CREATE TABLE kept (at timestamptz DEFAULT now())")
    eventually(lambda: replicated(region, replica), "replicated")
    with out(region, "a"):
        eventually(lambda: status(region, name)["server"] == "stopped", "the source is down")
        assert rows(region, host(region, replica)) == 0
        # It takes over by hand only, and may lack the last commits.
        region.rds.promote_read_replica(DBInstanceIdentifier=replica)
        eventually(lambda: writes(region, host(region, replica)), "promoted, it writes")
    available(region, name)
    eventually(lambda: writes(region, host(region, name)), "the source is back, and on its own")
    assert rows(region, host(region, replica)) == 1


def replicated(region: LocalRegion, replica: str) -> bool:
    """Whether the table has come to a replica."""
    try:
        return region.ask(host(region, replica), "SELECT count(*) FROM kept") == [(0,)]
    except psycopg.Error:
        return False


def test_a_replica_whose_source_dies_as_it_comes_back_keeps_its_rows(region: LocalRegion) -> None:
    source, replica = make(region, "lost", AvailabilityZone="us-west-2a"), unique("copy")
    region.ask(host(region, source), "CREATE TABLE kept AS SELECT 1 AS n")
    region.rds.create_db_instance_read_replica(
        DBInstanceIdentifier=replica, SourceDBInstanceIdentifier=source, AvailabilityZone="us-west-2c"
    )
    available(region, replica)
    assert rows(region, host(region, replica)) == 1
    with out(region, "c"):
        pass
    with out(region, "a"):
        # Once it was thrown away to be copied anew, from a source that was not there any more.
        region.rds.promote_read_replica(DBInstanceIdentifier=replica)
        available(region, replica)
        assert rows(region, host(region, replica)) == 1
        region.ask(host(region, replica), "INSERT INTO kept VALUES (2)")
