"""Lesson 07: what its checks look at, each look a function."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aurora_lab.course.exercises import Evidence, Mistake, need
from aurora_lab.course.region_view import Document, RegionView, SqlError

CLUSTER, USER = "rail", "announcer"
WRITER = "rail-1"
BY_HAND = frozenset({"rail-2", "rail-3"})
PREFIX = "application-autoscaling-"
TRACKING = "TargetTrackingScalingPolicyConfiguration"
CONNECTIONS, CPU = "RDSReaderAverageDatabaseConnections", "RDSReaderAverageCPUUtilization"
RIDERS = "select count(*) from pg_stat_activity where usename = %s and backend_type = 'client backend'"


def the_readers(region: RegionView) -> dict[str, Document]:
    """All instances but the writer. Mistake where there is no cluster or no writer."""
    found = region.instances(CLUSTER)
    if WRITER not in found:
        raise Mistake(
            "no-cluster",
            f"There is no DB cluster `{CLUSTER}` with the writer `{WRITER}`.",
            "The cluster of this lesson.",
            "Run the cells at the top of the lesson: they make it.",
        )
    return {name: item for name, item in found.items() if name != WRITER}


def own(readers: Iterable[str]) -> list[str]:
    """Those that auto scaling made, by their names."""
    return sorted(name for name in readers if name.startswith(PREFIX))


def the_target(region: RegionView) -> Document:
    """The scalable target. Raises Mistake."""
    found = region.scalable_target(CLUSTER)
    if found is None:
        raise Mistake(
            "no-target",
            f"The readers of `{CLUSTER}` are not registered with Application Auto Scaling.",
            "A scalable target.",
            "`scaling.register_scalable_target(...)` is the first of the two calls.",
        )
    return found


def the_tracking(
    region: RegionView,
    metric: str,
    missing: str = "no-policy",
    why: str = "`scaling.put_scaling_policy(...)` makes one.",
) -> Document:
    """The configuration of the policy that tracks a metric; Mistake `missing` where there is none."""
    found = region.scaling_policies(CLUSTER)
    for item in found.values():
        if metric_of(item) == metric:
            return dict(item[TRACKING])
    raise Mistake(
        missing,
        f"The policies: {names(f'{name} ({metric_of(item)})' for name, item in found.items())}.",
        f"A target tracking policy on {metric}.",
        why,
    )


def metric_of(policy: Document) -> str:
    """The predefined metric of a policy, or the custom metric's name."""
    tracking = policy[TRACKING]
    predefined = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    return str(predefined or tracking.get("CustomizedMetricSpecification", {}).get("MetricName"))


def added_by_policy(region: RegionView) -> list[tuple[datetime, datetime]]:
    """Begin and end of each time that a high alarm has led to more readers, oldest first."""
    return [
        (item["StartTime"], item["EndTime"])
        for item in reversed(region.scaling_activities(CLUSTER))
        if item["StatusCode"] == "Successful" and "-AlarmHigh-" in item["Cause"]
    ]


def riders(region: RegionView, instance: str) -> int:
    """How many connections the lesson's user has to an instance. Raises Mistake where it does not answer."""
    try:
        ((count,),) = region.sql(instance, RIDERS, USER)
    except SqlError as error:
        raise Mistake(
            "no-answer-from-it",
            f"{instance} does not answer: {error}",
            "It answers.",
            "Wait until it is available, then check again.",
        ) from error
    return int(count)


def a_number(evidence: Evidence, name: str) -> float:
    """A number of the notebook. Raises Mistake."""
    value = need(evidence, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mistake(
            "not-a-number", f"`{name}` is {str(value)[:100]}.", "A number.", "Without quotes or brackets."
        )
    return float(value)


def name_list(evidence: Evidence, name: str) -> list[str]:
    """A list of names of the notebook. Raises Mistake."""
    value = need(evidence, name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Mistake("not-names", f"`{name}` is {str(value)[:100]}.", "A list of names.", 'As `["rail-2"]`.')
    return value


def names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"
