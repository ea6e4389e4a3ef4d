"""What the scaling thread does, pass by pass, on a region without servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scaling_desk import Desk, desk, target, tracking

from aurora_lab.region.api.errors import fault
from aurora_lab.region.api.moto_mount import MotoMount
from aurora_lab.region.reader_scaling.alarms import cloudwatch_alarms, reading, take_points
from stub_region import boto, serving


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def register(region: Desk, low: int = 0, high: int = 5, cluster: str = "shop", **more: Any) -> None:
    region.provider.register_scalable_target(
        None, **target(cluster), MinCapacity=low, MaxCapacity=high, **more
    )


def put(region: Desk, value: float = 10, name: str = "p", cluster: str = "shop", **more: Any) -> None:
    region.provider.put_scaling_policy(None, PolicyName=name, **target(cluster), **tracking(value, **more))


def activities(region: Desk, **more: Any) -> list[dict[str, Any]]:
    """What DescribeScalingActivities answers, newest first."""
    answer = region.provider.describe_scaling_activities(None, ServiceNamespace="rds", **more)
    found: list[dict[str, Any]] = answer["ScalingActivities"]
    return found


def reasons(region: Desk) -> list[str]:
    """Why it did not scale, newest first."""
    found = activities(region, IncludeNotScaledActivities=True)
    return [reason["Code"] for item in found for reason in item.get("NotScaledReasons", [])]


def at_once(cooldown: int = 0) -> dict[str, Any]:
    return {"ScaleOutCooldown": cooldown, "ScaleInCooldown": cooldown}


def test_the_fleet_grows_and_shrinks_with_the_load(region: Desk) -> None:
    region.cluster("shop", readers=1)
    register(region)
    put(region, **at_once())
    region.minutes("shop", total=25, count=2)
    assert activities(region) == []
    region.minutes("shop", total=25, count=1)
    _, *made = region.readers("shop")
    assert len(made) == 2
    for reader in made:
        assert reader["DBInstanceIdentifier"].startswith("application-autoscaling-")
        assert (reader["DBInstanceClass"], reader["PromotionTier"]) == ("db.r6g.large", 15)
        tags = region.store.get("Tags", reader["DBInstanceArn"]) or {}
        assert tags["TagList"] == [{"Key": "application-autoscaling:resourceId", "Value": "cluster:shop"}]
    (done,) = activities(region)
    assert done["Description"] == "Setting read replica count to 3." and done["StatusCode"] == "Successful"
    assert done["Cause"].startswith("monitor alarm TargetTracking-cluster:shop-AlarmHigh-")
    assert done["Cause"].endswith(" in state ALARM triggered policy p")
    assert done["StatusMessage"].endswith("Change successfully fulfilled by rds.")
    region.minutes("shop", total=0, count=14)
    assert len(region.readers("shop")) == 3
    region.minutes("shop", total=0, count=1)
    # It would go down to the minimum, and leaves what was made by hand.
    assert [item["DBInstanceIdentifier"] for item in region.readers("shop")] == ["shop-1"]
    assert activities(region)[0]["Description"] == "Setting read replica count to 1."
    region.minutes("shop", total=0, count=20)
    assert len(region.readers("shop")) == 1 and len(activities(region)) == 2


def test_a_reader_that_has_not_reported_yet_is_not_counted_as_load(region: Desk) -> None:
    region.cluster("shop", readers=2)
    register(region)
    put(region, 4, **at_once())
    region.minutes("shop", 12, 3)
    assert len(region.readers("shop")) == 3
    # The third is there, and the next minute is that of the two: 3 × 6 ÷ 4 readers would be too many.
    at = datetime.now(UTC)
    for _ in range(2):
        region.metrics.note(
            "DatabaseConnections", 6.0, "Count", {"DBClusterIdentifier": "shop", "Role": "READER"}, at=at
        )
    region.reader_scaling.look()
    region.reader_scaling.look()
    assert len(region.readers("shop")) == 3
    region.minutes("shop", 12, 3)
    assert len(region.readers("shop")) == 3
    region.minutes("shop", 20, 3)
    assert len(region.readers("shop")) == 5


def test_without_a_reader_nothing_happens(region: Desk) -> None:
    region.cluster("shop")
    register(region)
    put(region)
    later = datetime.now(UTC) + timedelta(hours=1)
    region.metrics.note(
        "DatabaseConnections", 900, "Count", {"DBClusterIdentifier": "shop", "Role": "WRITER"}, at=later
    )
    for _ in range(20):
        region.reader_scaling.look()
    assert region.readers("shop") == [] and activities(region, IncludeNotScaledActivities=True) == []
    assert {alarm.state for alarm in cloudwatch_alarms(region)} == {"INSUFFICIENT_DATA"}  # type: ignore[arg-type]


def test_minutes_without_a_report_end_in_insufficient_data(region: Desk) -> None:
    region.cluster("shop", readers=1)
    register(region, 1, 1)
    put(region)
    region.minutes("shop", total=20, count=3)
    (policy,) = region.store.all("ScalingPolicy")
    states = []
    now = datetime.fromisoformat(policy["_lab"]["seen"]) + timedelta(minutes=3)
    assert not take_points(region, policy, now), "a minute may be late"  # type: ignore[arg-type]
    for _ in range(5):
        now += timedelta(minutes=1)
        assert take_points(region, policy, now)  # type: ignore[arg-type]
        states.append(policy["_lab"]["alarms"]["High"]["state"])
        assert reading(policy).metric is None
    assert states == ["ALARM"] * 4 + ["INSUFFICIENT_DATA"]


def test_cooldowns_run_on_the_lab_clock(region: Desk) -> None:
    def age(key: str, lab_seconds: float) -> None:
        """As if what was done last had been done so much earlier."""
        stored = region.store.get("ScalableTarget", "cluster:shop")
        assert stored is not None
        stored["_lab"]["past"][key] -= region.clock.real(lab_seconds)
        region.store.put("ScalableTarget", "cluster:shop", stored)

    region.cluster("shop", readers=1)
    register(region, 0, 15)
    put(region, **at_once(3000))
    region.minutes("shop", total=40, count=3)
    assert len(region.readers("shop")) == 4
    # A scale-out holds up no scale-in.
    region.minutes("shop", total=25, count=15)
    assert len(region.readers("shop")) == 3
    region.minutes("shop", total=5, count=15)
    assert len(region.readers("shop")) == 3, "a scale-in holds up the next one"
    age("in_at", 3000)
    region.minutes("shop", total=15, count=1)
    assert len(region.readers("shop")) == 2
    region.minutes("shop", total=35, count=3)
    assert len(region.readers("shop")) == 2, "a scale-out holds up the next one"
    region.minutes("shop", total=45, count=1)
    assert len(region.readers("shop")) == 5, "but not one for more readers than it was for"
    region.minutes("shop", total=25, count=15)
    assert len(region.readers("shop")) == 3, "and it ends the cooldown of a scale-in"
    region.minutes("shop", total=35, count=3)
    assert len(region.readers("shop")) == 3
    age("out_at", 3000)
    region.minutes("shop", total=35, count=1)
    assert len(region.readers("shop")) == 4


def test_bounds_bring_the_fleet_into_range_where_the_cluster_is_active(region: Desk) -> None:
    region.cluster("shop")
    register(region, 2, 5)
    region.minutes("shop", total=0, count=1)
    assert len(region.readers("shop")) == 2
    assert activities(region)[0]["Cause"] == "minimum capacity was set to 2"
    register(region, 0, 1)
    region.minutes("shop", total=0, count=1)
    assert len(region.readers("shop")) == 1
    assert activities(region)[0]["Cause"] == "maximum capacity was set to 1"
    region.cluster("busy", status="modifying")
    register(region, 1, 1, cluster="busy")
    region.minutes("busy", total=0, count=1)
    assert region.readers("busy") == []


def test_why_it_does_not_scale_is_kept_once(region: Desk) -> None:
    region.cluster("shop", readers=1)
    register(region, 1, 2)
    put(region, **at_once())
    region.minutes("shop", total=90, count=9)
    assert len(region.readers("shop")) == 2
    assert reasons(region) == ["AlreadyAtMaxCapacity"]
    assert [item["Description"] for item in activities(region)] == ["Setting read replica count to 2."]
    region.minutes("shop", total=0, count=25)
    assert reasons(region) == ["AlreadyAtMinCapacity", "AlreadyAtMaxCapacity"]


@pytest.mark.parametrize("suspended", ["DynamicScalingOutSuspended", "DynamicScalingInSuspended"])
def test_a_suspended_direction(region: Desk, suspended: str) -> None:
    region.cluster("shop", readers=1)
    register(region, SuspendedState={suspended: True})
    put(region, **at_once())
    region.minutes("shop", total=30, count=3)
    grown = len(region.readers("shop"))
    region.minutes("shop", total=0, count=15)
    seen = (grown, len(region.readers("shop")))
    assert seen == ((1, 1) if "Out" in suspended else (3, 3))


def test_a_refusal_is_a_failed_activity(region: Desk) -> None:
    region.cluster("shop", readers=1)
    register(region)
    put(region)
    region.reader_scaling.rds.refuse = fault("InstanceQuotaExceededFault", "Quota exceeded.")  # type: ignore[attr-defined]
    region.minutes("shop", total=30, count=3)
    (failed,) = activities(region)
    assert (failed["StatusCode"], failed["StatusMessage"]) == (
        "Failed",
        "Failed to set read replica count to 3. Reason: Quota exceeded.",
    )


def test_a_killed_region_goes_on_where_it_was(region: Desk, tmp_path: Path) -> None:
    region.cluster("shop", readers=1)
    register(region)
    put(region, **at_once())
    region.minutes("shop", total=30, count=2)
    reopened = Desk(tmp_path / "region.sqlite3")
    about = {"DBClusterIdentifier": "shop", "Role": "READER"}
    reopened.metrics.note("DatabaseConnections", 30, "Count", about)
    reopened.reader_scaling.look()
    (begun,) = activities(reopened)
    assert begun["StatusCode"] == "Pending" and len(reopened.readers("shop")) == 1
    reopened.store.close()
    again = Desk(tmp_path / "region.sqlite3")
    again.reader_scaling.look()
    assert activities(again)[0]["StatusCode"] == "InProgress" and len(again.readers("shop")) == 3
    again.reader_scaling.look()
    assert activities(again)[0]["StatusCode"] == "Successful"
    again.store.close()


def test_a_deleted_cluster_takes_its_target_along(region: Desk) -> None:
    region.cluster("shop", readers=1)
    register(region)
    put(region)
    region.store.delete("DBCluster", "shop")
    region.reader_scaling.look()
    assert region.store.all("ScalableTarget") == [] and region.store.all("ScalingPolicy") == []


def test_cloudwatch_shows_the_alarms_as_they_are(region: Desk) -> None:
    region.cluster("shop", readers=1)
    register(region)
    put(region, 50)

    def alarms() -> list[Any]:
        return cloudwatch_alarms(region)  # type: ignore[arg-type]

    with serving({}, fallback=MotoMount(region.metrics, alarms=alarms)) as server:
        cloudwatch = boto(server, "cloudwatch")

        def shown(side: str) -> dict[str, Any]:
            prefix = f"TargetTracking-cluster:shop-Alarm{side}"
            found: list[dict[str, Any]] = cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
            assert len(found) == 1
            return found[0]

        assert {shown(side)["StateValue"] for side in ("High", "Low")} == {"INSUFFICIENT_DATA"}
        region.minutes("shop", total=60, count=3)
        high, low = shown("High"), shown("Low")
        assert (high["StateValue"], low["StateValue"]) == ("ALARM", "OK")
        assert "3 datapoints [60" in high["StateReason"] and high["Period"] == 60
        for alarm, operator, threshold, points in (
            (high, "GreaterThanThreshold", 50, 3),
            (low, "LessThanThreshold", 45, 15),
        ):
            assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (operator, threshold)
            assert (alarm["EvaluationPeriods"], alarm["Statistic"]) == (points, "Average")
            assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {
                "DBClusterIdentifier": "shop",
                "Role": "READER",
            }
        since = shown("High")["StateUpdatedTimestamp"]
        cloudwatch.delete_alarms(AlarmNames=[high["AlarmName"]])
        assert shown("High")["StateUpdatedTimestamp"] == since
        mine = {"AlarmName": "mine", "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold"}
        cloudwatch.put_metric_alarm(
            **mine, Threshold=1, Period=60, MetricName="m", Namespace="n", Statistic="Sum"
        )
        region.provider.delete_scaling_policy(None, PolicyName="p", **target("shop"))
        assert [item["AlarmName"] for item in cloudwatch.describe_alarms()["MetricAlarms"]] == ["mine"]
