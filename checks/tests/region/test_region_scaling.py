"""A fleet of readers that grows and shrinks under a real load, by the boto3 calls that would do it on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from local_region import LocalRegion, eventually, local_region
from test_region_killed import kill

LAB_CLOCK = 120.0
"""Quicker than one sample a second allows: a minute of the alarms takes a second."""
LOAD = 10
"""Connections; with a target of 4 they ask for three readers."""
WHO = "SELECT aurora_db_instance_identifier()"


@pytest.fixture
def region() -> Iterator[LocalRegion]:
    with local_region("embedded", LAB_CLOCK) as running:
        yield running


def target(cluster: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "rds",
        "ResourceId": f"cluster:{cluster}",
        "ScalableDimension": "rds:cluster:ReadReplicaCount",
    }


def track(scaling: Any, cluster: str, metric: str, value: float) -> None:
    scaling.put_scaling_policy(
        PolicyName=metric,
        **target(cluster),
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": value,
            "PredefinedMetricSpecification": {"PredefinedMetricType": f"RDSReaderAverage{metric}"},
        },
    )


def alarms(region: LocalRegion, cluster: str) -> dict[str, str]:
    """The state of each alarm of a cluster, by metric and side."""
    prefix = f"TargetTracking-cluster:{cluster}-Alarm"
    found = region.boto("cloudwatch").describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    return {
        f"{item['MetricName']} {'High' if '-AlarmHigh-' in item['AlarmName'] else 'Low'}": item["StateValue"]
        for item in found
    }


def where(connections: list[psycopg.Connection[Any]]) -> list[str]:
    return [connection.execute(WHO).fetchall()[0][0] for connection in connections]


def test_a_fleet_grows_and_shrinks_under_a_real_load(region: LocalRegion) -> None:
    scaling = region.boto("application-autoscaling")
    name, alone = region.cluster(instances=2, prefix="fleet"), region.cluster(prefix="alone")
    writer, first = f"{name}-1", f"{name}-2"
    for cluster in (name, alone):
        scaling.register_scalable_target(**target(cluster), MinCapacity=0, MaxCapacity=5)
        track(scaling, cluster, "DatabaseConnections", 4)
    track(scaling, name, "CPUUtilization", 95)

    def made() -> dict[str, dict[str, Any]]:
        found = region.instances(name)
        return {identifier: found[identifier] for identifier in found if identifier not in (writer, first)}

    def activities(cluster: str, **more: Any) -> list[dict[str, Any]]:
        answer = scaling.describe_scaling_activities(
            ServiceNamespace="rds", ResourceId=f"cluster:{cluster}", **more
        )
        found: list[dict[str, Any]] = answer["ScalingActivities"]
        return found

    def reader(cluster: str) -> str:
        return str(region.describe(cluster)["ReaderEndpoint"])

    with ExitStack() as load:
        old = [load.enter_context(region.connect(reader(name))) for _ in range(LOAD)]
        for _ in range(LOAD):
            load.enter_context(region.connect(reader(alone)))
        assert set(where(old)) == {first}
        eventually(lambda: [item for item in activities(name) if item["StatusCode"] == "Successful"], "grown")
        assert set(alarms(region, name)) == {
            f"{metric} {side}"
            for metric in ("CPUUtilization", "DatabaseConnections")
            for side in ("High", "Low")
        }
        assert len(made()) == 2
        for identifier, item in made().items():
            assert identifier.startswith("application-autoscaling-")
            assert (item["DBInstanceStatus"], item["PromotionTier"]) == ("available", 15)
            assert item["DBInstanceClass"] == region.instances(name)[writer]["DBInstanceClass"]
            assert item["TagList"] == [
                {"Key": "application-autoscaling:resourceId", "Value": f"cluster:{name}"}
            ]
            events = region.rds.describe_events(SourceIdentifier=identifier, SourceType="db-instance")
            assert "DB instance created." in [event["Message"] for event in events["Events"]]
        # The connections that were there stay where they were; new ones find the new readers.
        eventually(lambda: region.ask(reader(name), WHO)[0][0] in made(), "a new reader is led to")
        assert set(where(old)) == {first}
        # Without a reader its connections are the writer's, and nobody is scaled for a writer.
        assert alarms(region, alone)["DatabaseConnections High"] == "INSUFFICIENT_DATA"
    kill(region)
    region.start()
    scaling = region.boto("application-autoscaling")
    eventually(lambda: not made(), "shrunk")
    assert set(region.instances(name)) == {writer, first}
    eventually(lambda: activities(name)[0]["StatusCode"] == "Successful", "the scale-in is over")
    shrunk, grown = activities(name)
    assert grown["Description"] == "Setting read replica count to 3."
    assert "AlarmHigh" in grown["Cause"] and grown["Cause"].endswith("policy DatabaseConnections")
    assert shrunk["Description"] == "Setting read replica count to 1." and "AlarmLow" in shrunk["Cause"]
    assert activities(alone, IncludeNotScaledActivities=True) == []
    assert len(region.instances(alone)) == 1
    scaling.deregister_scalable_target(**target(name))
    policies = scaling.describe_scaling_policies(ServiceNamespace="rds")["ScalingPolicies"]
    assert {item["ResourceId"] for item in policies} == {f"cluster:{alone}"}
