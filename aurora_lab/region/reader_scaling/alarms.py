"""The two CloudWatch alarms of each policy: how their states come about, and what CloudWatch shows of them.

A point is the metric of all readers in one lab minute. The region samples no more often than once in a real second
(`meters.py`), so on a lab clock that is faster than 60 a point is one of those samples. CloudWatch shows a period of
60 seconds, as on AWS: here these are seconds of the lab clock, while the times of its metrics are the real ones.

The alarms belong to Application Auto Scaling. Who deletes or changes one in CloudWatch finds it as it was at the next
look; on AWS the policy would be broken (FACTS 6.10: AWS warns not to).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aurora_lab.models.target_tracking import (
    HIGH_POINTS,
    LOW_POINTS,
    SPARE_POINTS,
    AlarmState,
    Point,
    Reading,
    Tracking,
    average,
    high_alarm,
    low_alarm,
)
from aurora_lab.region.metrics import NAMESPACE, Sample
from aurora_lab.region.reader_scaling.documents import SIDES, alarm_name, cluster_name
from aurora_lab.region.reader_scaling.rules import tracked_metric, tracking
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

PERIOD_SECONDS = 60
LATE_MINUTES = 3.5
"""Lab minutes without a sample after which a minute counts as one without a point."""
FASTEST_SECONDS = 1.0
"""Real seconds between two samples, at least."""

STATISTICS: dict[str, Callable[[Sequence[float]], Point]] = {
    "Average": average,
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as CloudWatch shows it."""

    name: str
    description: str
    metric: str
    statistic: str
    cluster: str
    operator: str
    threshold: float
    points: int
    action: str
    state: str
    reason: str
    since: datetime


def take_points(region: Region, policy: Document, now: datetime) -> bool:
    """Add the minutes that are new to a policy's points and bring its alarms up to date; False if none is."""
    private = policy["_lab"]
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    name, statistic = tracked_metric(configuration)
    seen = datetime.fromisoformat(private.get("seen") or policy["CreationTime"])
    samples = region.metrics.newest(
        name, DBClusterIdentifier=cluster_name(policy["ResourceId"]), Role="READER"
    )
    minutes = _minutes(samples, STATISTICS[statistic], seen)
    minute = timedelta(seconds=max(region.clock.real(PERIOD_SECONDS), FASTEST_SECONDS))
    if not minutes and now - seen > minute * LATE_MINUTES:
        minutes = [(seen + minute, None)]
    if not minutes:
        return False
    private["reported"] = sum(sample.at == minutes[-1][0] for sample in samples)
    points = [*private["points"], *(point for _, point in minutes)]
    private["points"] = points[-LOW_POINTS - SPARE_POINTS :]
    private["seen"] = minutes[-1][0].isoformat()
    _judge(region, policy, tracking(configuration))
    return True


def covers(policy: Document, readers: int) -> bool:
    """Whether a policy's newest point is about so many readers.

    One that is new reports a minute later than it is there. Until then the average is that of fewer, and the whole
    fleet times that average is a load that does not exist.
    """
    return bool(policy["_lab"].get("reported", 0) == readers)


def reading(policy: Document) -> Reading:
    """What a policy's alarms and its newest point say, for the model."""
    private = policy["_lab"]
    high, low = (AlarmState(private["alarms"][side]["state"]) for side in SIDES)
    points = private["points"]
    return Reading(
        tracking(policy["TargetTrackingScalingPolicyConfiguration"]),
        points[-1] if points else None,
        high,
        low,
    )


def cloudwatch_alarms(region: Region) -> list[Alarm]:
    """All alarms that there are."""
    return [_alarm(policy, side) for policy in region.store.all("ScalingPolicy") for side in SIDES]


def _minutes(
    samples: Sequence[Sample], statistic: Callable[[Sequence[float]], Point], seen: datetime
) -> list[tuple[datetime, Point]]:
    """One point for each time at which the readers were sampled; those of one minute have the same time."""
    times = sorted({sample.at for sample in samples if sample.at > seen})
    return [(at, statistic([each.value for each in samples if each.at == at])) for at in times]


def _judge(region: Region, policy: Document, rule: Tracking) -> None:
    points: list[Point] = policy["_lab"]["points"]
    for side, judge in zip(SIDES, (high_alarm, low_alarm), strict=True):
        alarm = policy["_lab"]["alarms"][side]
        state = judge(points, rule, AlarmState(alarm["state"]))
        if state.value != alarm["state"]:
            alarm.update(state=state.value, reason=_reason(side, state, points, rule), since=region.now())


def _reason(side: str, state: AlarmState, points: Sequence[Point], rule: Tracking) -> str:
    count = HIGH_POINTS if side == "High" else LOW_POINTS
    known = [f"{point:.6g}" for point in points[-count - SPARE_POINTS :] if point is not None][-count:]
    if state is AlarmState.INSUFFICIENT_DATA:
        return f"Insufficient Data: {count} datapoints were unknown."
    threshold = rule.target if side == "High" else rule.low_threshold
    crossed = f"{'greater' if side == 'High' else 'less'} than the threshold ({threshold})"
    word = "were" if state is AlarmState.ALARM else "were not all"
    return f"Threshold Crossed: {len(known)} datapoints [{', '.join(known)}] {word} {crossed}."


def _alarm(policy: Document, side: str) -> Alarm:
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    rule, (metric, statistic) = tracking(configuration), tracked_metric(configuration)
    private = policy["_lab"]["alarms"][side]
    high = side == "High"
    return Alarm(
        name=alarm_name(policy, side),
        description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy['PolicyARN']}.",
        metric=metric,
        statistic=statistic,
        cluster=cluster_name(policy["ResourceId"]),
        operator="GreaterThanThreshold" if high else "LessThanThreshold",
        threshold=rule.target if high else rule.low_threshold,
        points=HIGH_POINTS if high else LOW_POINTS,
        action=policy["PolicyARN"],
        state=private["state"],
        reason=private["reason"],
        since=datetime.fromisoformat(private["since"]).astimezone(UTC),
    )


def as_moto_takes_it(alarm: Alarm) -> dict[str, object]:
    """The arguments of moto's `put_metric_alarm`."""
    dimensions = {"DBClusterIdentifier": alarm.cluster, "Role": "READER"}
    return {
        "name": alarm.name,
        "namespace": NAMESPACE,
        "metric_name": alarm.metric,
        "comparison_operator": alarm.operator,
        "evaluation_periods": alarm.points,
        "period": PERIOD_SECONDS,
        "threshold": alarm.threshold,
        "statistic": alarm.statistic,
        "description": alarm.description,
        "dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "alarm_actions": [alarm.action],
    }
