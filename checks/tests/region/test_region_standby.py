"""RDS Multi-AZ: a synchronous standby that serves nobody, and what happens when one of the two is lost."""

from __future__ import annotations

import time

import psycopg
import pytest

from aurora_lab.region import client
from local_databases import (
    Writing,
    available,
    host,
    make,
    reads,
    replicate,
    seen_from_inside,
    shown,
    status,
    synchronous,
)
from local_region import LocalRegion, delete_databases, eventually, local_region
from test_region_failover import messages
from test_region_instances import eventually_ask
from test_region_killed import kill

STARTED, COMPLETED = "Multi-AZ instance failover started.", "Multi-AZ instance failover completed."


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
    # For one TTL the name may lead to the old primary, which may be back as the standby.
    writable = [("off",)]
    eventually(
        lambda: eventually_ask(region, host(region, name), "SHOW transaction_read_only") == writable,
        "the name leads to the new primary",
    )
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
