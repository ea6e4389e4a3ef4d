"""Serverless v2: what is refused, capacity under a real load, auto-pause and what wakes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

import docker
from aurora_lab.region import client
from local_region import MASTER, PASSWORD, QUICK, LocalRegion, eventually, unique
from test_region_killed import kill
from test_region_restores import refused

SERVERLESS = "db.serverless"
PAUSES = {"MinCapacity": 0, "MaxCapacity": 4}


def serverless(region: LocalRegion, tiers: tuple[int, ...], **scaling: float) -> str:
    """A cluster of serverless instances NAME-1 (the writer), NAME-2 … with these promotion tiers."""
    name = region.cluster(instances=0, ServerlessV2ScalingConfiguration=scaling)
    for number, tier in enumerate(tiers, 1):
        region.instance(name, f"{name}-{number}", wait=False, DBInstanceClass=SERVERLESS, PromotionTier=tier)
    region.wait_available(name)
    return name


def seen(region: LocalRegion, instance: str) -> dict[str, Any]:
    """An instance as `aurora-lab status` shows it."""
    found = [
        item
        for cluster in client.status(region.home)["clusters"]
        for item in cluster["instances"]
        if item["id"] == instance
    ]
    return dict(found[0]) if found else {"serverless": {}}


def acus(region: LocalRegion, instance: str) -> float:
    return float(seen(region, instance)["serverless"].get("acus") or 0.0)


def pause(region: LocalRegion, instance: str) -> str | None:
    state = seen(region, instance)["serverless"]["pause"]
    return str(state) if state else None


def wait_paused(region: LocalRegion, *instances: str) -> None:
    for instance in instances:
        eventually(lambda name=instance: pause(region, name) == "paused", f"{instance} is paused")


def endpoint(region: LocalRegion, instance: str) -> str:
    found = region.rds.describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"][0]
    return str(found["Endpoint"]["Address"])


def told(region: LocalRegion, *instances: str) -> list[tuple[str, str]]:
    """The pause events of instances: which instance, and the number of the event, oldest first."""
    return [
        (event["SourceIdentifier"], event["_lab"]["event_id"][-4:])
        for event in client.ask(region.home, "events")
        if event["SourceIdentifier"] in instances and "serverless" in event["EventCategories"]
    ]


@contextmanager
def clock(region: LocalRegion, scale: float) -> Iterator[None]:
    """The lab clock at another pace."""
    client.ask(region.home, "scale", {"scale": scale})
    try:
        yield
    finally:
        client.ask(region.home, "scale", {"scale": QUICK})


def values(region: LocalRegion, metric: str, statistic: str, instance: str) -> list[float]:
    """What CloudWatch has of an instance."""
    now = datetime.now(UTC)
    found = region.boto("cloudwatch").get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName=metric,
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": instance}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=[statistic],
    )["Datapoints"]
    return [float(point[statistic]) for point in found] or [0.0]


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"MinCapacity": 0.5}, "needs both MinCapacity and MaxCapacity"),
        ({"MinCapacity": 0.3, "MaxCapacity": 4}, "steps of 0.5"),
        ({"MinCapacity": 0.5, "MaxCapacity": 256.5}, "0 to 256"),
        ({"MinCapacity": -1, "MaxCapacity": 4}, "0 to 256"),
        ({"MinCapacity": 0.5, "MaxCapacity": 0.5}, "at least 1"),
        ({"MinCapacity": 4, "MaxCapacity": 2}, "greater than the maximum"),
        (
            {"MinCapacity": 0.5, "MaxCapacity": 4, "SecondsUntilAutoPause": 300},
            "SecondsUntilAutoPause can only be specified when minimum capacity is 0",
        ),
        ({"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 299}, "from 300 to 86400"),
        ({"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 86401}, "from 300 to 86400"),
    ],
)
def test_a_range_that_is_refused(quick: LocalRegion, scaling: dict[str, float], message: str) -> None:
    """FACTS 5.1–5.3, 5.14."""
    said = refused(
        lambda: quick.rds.create_db_cluster(
            DBClusterIdentifier=unique("no"),
            Engine="aurora-postgresql",
            MasterUsername=MASTER,
            MasterUserPassword=PASSWORD,
            ServerlessV2ScalingConfiguration=scaling,
        ),
        "InvalidParameterValue",
    )
    assert message in said


def test_what_is_shown_and_what_changes_of_a_range(quick: LocalRegion) -> None:
    """FACTS 5.1, 5.4, 5.11, 5.14."""
    rds = quick.rds
    plain = quick.cluster(instances=1)
    assert "ServerlessV2PlatformVersion" not in quick.describe(plain)
    refused(
        lambda: rds.modify_db_instance(DBInstanceIdentifier=f"{plain}-1", DBInstanceClass=SERVERLESS),
        "InvalidParameterCombination",
    )
    name = serverless(quick, (1,), MinCapacity=0, MaxCapacity=4)
    found = quick.describe(name)
    assert found["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0.0,
        "MaxCapacity": 4.0,
        "SecondsUntilAutoPause": 300,
    }
    assert (found["EngineMode"], found["ServerlessV2PlatformVersion"]) == ("provisioned", "4")
    shown = "SHOW max_connections"
    assert quick.ask(found["Endpoint"], shown) == [("823",)]

    wait_paused(quick, f"{name}-1")
    rds.modify_db_cluster(
        DBClusterIdentifier=name, ServerlessV2ScalingConfiguration={"MinCapacity": 1, "MaxCapacity": 16}
    )
    assert quick.describe(name)["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 1.0,
        "MaxCapacity": 16.0,
    }
    assert quick.ask(found["Endpoint"], shown) == [("823",)], "to resume is no reboot"

    def group() -> str:
        return str(quick.instances(name)[f"{name}-1"]["DBParameterGroups"][0]["ParameterApplyStatus"])

    eventually(lambda: group() == "pending-reboot", "a reboot is pending")
    eventually(lambda: acus(quick, f"{name}-1") >= 1, "it has the new minimum")
    rds.reboot_db_instance(DBInstanceIdentifier=f"{name}-1")
    quick.wait_available(name)
    assert quick.ask(found["Endpoint"], shown) == [("3360",)]
    eventually(lambda: group() == "in-sync", "nothing is pending")


BURN = """
    DO $$ DECLARE began timestamptz := clock_timestamp(); n bigint := 0;
    BEGIN WHILE clock_timestamp() < began + interval '0.4 s' LOOP n := n + 1; END LOOP; END $$
"""


@contextmanager
def busy(region: LocalRegion, host: str) -> Iterator[None]:
    """An instance that has all the while something to compute."""
    over = threading.Event()

    def burn() -> None:
        with region.connect(host) as connection:
            while not over.is_set():
                connection.execute(BURN)

    thread = threading.Thread(target=burn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


def test_capacity_follows_the_load_and_low_tiers_the_writer(quick: LocalRegion) -> None:
    """FACTS 5.6, 5.8, 5.21."""
    name = serverless(quick, (1, 1, 9), MinCapacity=0.5, MaxCapacity=8)
    writer, follower, other = (f"{name}-{number}" for number in (1, 2, 3))
    with busy(quick, endpoint(quick, writer)):
        eventually(
            lambda: acus(quick, writer) >= 1.5 and acus(quick, follower) >= 1.5,
            "it has grown, and the reader of tier 1 with it",
        )
    eventually(lambda: {acus(quick, each) for each in (writer, follower, other)} == {0.5}, "all have shrunk")

    curves = client.ask(quick.home, f"capacity?cluster={name}")["instances"]
    highest = {curve["instance"]: max(point["acus"] for point in curve["points"]) for curve in curves}
    assert highest[writer] >= 1.5
    assert highest[follower] >= 1.5
    assert highest[other] < highest[writer], "a reader of tier 9 follows its own load"

    eventually(
        lambda: max(values(quick, "ServerlessDatabaseCapacity", "Maximum", writer)) == highest[writer],
        "CloudWatch has the peak",
    )
    assert max(values(quick, "ACUUtilization", "Maximum", writer)) == pytest.approx(100 * highest[writer] / 8)


def test_it_pauses_when_idle_and_a_connection_wakes_it(quick: LocalRegion) -> None:
    """FACTS 5.15–5.20."""
    name = serverless(quick, (1, 1, 9), **PAUSES)
    writer, follower, other = (f"{name}-{number}" for number in (1, 2, 3))
    host = endpoint(quick, writer)
    with quick.connect(host):
        wait_paused(quick, other)
        eventually(lambda: seen(quick, follower)["serverless"]["idle_lab_seconds"] > 600, "it is idle")
        assert (pause(quick, writer), pause(quick, follower)) == (None, None), "an idle connection is one"
    wait_paused(quick, writer, follower)
    assert told(quick, writer) == [(writer, "0370"), (writer, "0372")]
    assert {item["DBInstanceStatus"] for item in quick.instances(name).values()} == {"available"}
    assert seen(quick, writer)["server"] == "paused"
    eventually(lambda: acus(quick, writer) == 0, "it has no capacity")
    curves = client.ask(quick.home, f"capacity?cluster={name}")["instances"]
    [billed] = [curve["acu_seconds"] for curve in curves if curve["instance"] == writer]
    eventually(
        lambda: (
            sum(values(quick, "ServerlessDatabaseCapacity", "Sum", writer)) == pytest.approx(billed, rel=0.01)
        ),
        "CloudWatch's sum over the seconds is what is billed",
        seconds=20,
    )

    snapshot = unique("s")
    quick.rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot, DBClusterIdentifier=name)
    quick.rds.get_waiter("db_cluster_snapshot_available").wait(DBClusterSnapshotIdentifier=snapshot)
    assert pause(quick, writer) == "paused", "a snapshot does not wake it"

    with clock(quick, 10.0):
        began = time.monotonic()
        assert "password authentication failed" in quick.refusal(host, password="wrong")
        assert 1.5 <= time.monotonic() - began < 30, "the client has waited 15 seconds of the lab clock"
        eventually(lambda: pause(quick, follower) is None, "the reader of tier 1 resumes too")
        assert pause(quick, other) == "paused", "the reader of tier 9 does not"
        assert quick.ask(host, "SELECT 1") == [(1,)]
        assert told(quick, writer)[2:] == [(writer, "0373"), (writer, "0374")]
    wait_paused(quick, writer, other)

    assert quick.ask(endpoint(quick, other), "SELECT pg_is_in_recovery()") == [(True,)]
    events = told(quick, writer, other)
    last = len(events) - 1 - events[::-1].index((other, "0374"))
    assert (writer, "0373") in events[last - 4 : last], "waking a reader wakes the writer"


def test_killed_while_it_is_paused_and_failed_over_while_it_is_paused(quick: LocalRegion) -> None:
    name = serverless(quick, (1, 1), **PAUSES)
    writer, reader = f"{name}-1", f"{name}-2"
    host = quick.describe(name)["Endpoint"]
    quick.ask(host, "CREATE TABLE kept AS SELECT 6 AS n")
    wait_paused(quick, writer, reader)
    kill(quick)
    quick.start()
    assert (pause(quick, writer), seen(quick, writer)["server"]) == ("paused", "paused")
    assert quick.ask(host, "SELECT n FROM kept") == [(6,)]

    wait_paused(quick, writer, reader)
    with clock(quick, 20.0):
        quick.rds.failover_db_cluster(DBClusterIdentifier=name)
        quick.wait_available(name)
        eventually(lambda: (pause(quick, writer), pause(quick, reader)) == (None, None), "both are awake")
        assert quick.writer(name) == reader
        assert "administrative" in "; ".join(seen(quick, reader)["serverless"]["not_paused_because"])
    assert quick.ask(host, "SELECT n FROM kept") == [(6,)]
    kill(quick)
    quick.start()
    eventually(lambda: seen(quick, writer)["server"] == "running", "running ones are taken over")
    assert quick.ask(host, "SELECT n FROM kept") == [(6,)]


def test_logical_replication_prevents_it_and_so_does_a_provisioned_writer(quick: LocalRegion) -> None:
    """FACTS 5.18, 5.19."""
    group = unique("logical")
    quick.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=group, DBParameterGroupFamily="aurora-postgresql17", Description="logical"
    )
    change = {
        "ParameterName": "rds.logical_replication",
        "ParameterValue": "1",
        "ApplyMethod": "pending-reboot",
    }
    quick.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=group, Parameters=[change])
    name = quick.cluster(
        instances=0, ServerlessV2ScalingConfiguration=PAUSES, DBClusterParameterGroupName=group
    )
    writer, low, high = (f"{name}-{number}" for number in (1, 2, 3))
    quick.instance(name, writer, wait=False, DBInstanceClass=SERVERLESS)
    quick.instance(name, low, wait=False, DBInstanceClass="db.r6g.large")
    quick.instance(name, high, wait=False, DBInstanceClass=SERVERLESS, PromotionTier=15)
    quick.wait_available(name)
    wait_paused(quick, high)
    eventually(lambda: seen(quick, writer)["serverless"]["idle_lab_seconds"] > 600, "the writer is idle")
    why = seen(quick, writer)["serverless"]["not_paused_because"]
    assert (pause(quick, writer), why) == (None, ["logical replication is on", f"reader {low} is awake"])

    quick.rds.failover_db_cluster(DBClusterIdentifier=name, TargetDBInstanceIdentifier=low)
    quick.wait_available(name)
    eventually(lambda: acus(quick, writer) == 4, "a reader of tier 1 is as large as the provisioned writer")
    why = "; ".join(seen(quick, writer)["serverless"]["not_paused_because"])
    assert "its tier follows a writer that is not serverless" in why


def test_who_gives_up_has_woken_it_all_the_same(quick: LocalRegion) -> None:
    name = serverless(quick, (1,), **PAUSES)
    wait_paused(quick, f"{name}-1")
    with clock(quick, 5.0):
        with pytest.raises(psycopg.OperationalError):
            quick.ask(quick.describe(name)["Endpoint"], "SELECT 1", connect_timeout=2)
        eventually(lambda: (f"{name}-1", "0374") in told(quick, f"{name}-1"), "it has resumed")


@pytest.mark.containers
def test_a_container_has_no_more_than_its_capacity(containers_region: LocalRegion) -> None:
    region = containers_region
    name = serverless(region, (1,), MinCapacity=0.5, MaxCapacity=8)
    instance = f"{name}-1"
    eventually(lambda: seen(region, instance)["serverless"]["enforced"], "it is limited")
    resource = region.instances(name)[instance]["DbiResourceId"].lower()
    with closing(docker.from_env()) as engine:

        def limited_to() -> float:
            """Its ACUs, by its memory; the CPU that goes with them, but a quarter of one at least."""
            host = engine.api.inspect_container(resource)["HostConfig"]
            acus = float(host["Memory"] / (2 << 30))
            assert host["CpuQuota"] / host["CpuPeriod"] == max(0.25, acus / 4)
            return acus

        eventually(lambda: limited_to() == 0.5, "idle, it has the least")
        with busy(region, endpoint(region, instance)):
            eventually(lambda: limited_to() > 0.5, "under load it is given more")
