"""Scaling activities: from a number of readers that is wanted to instances that are made or removed.

An activity's status is the work order, as elsewhere in the region, so one that was killed goes on:

    status        what is done                                                                → next
    Pending       the readers to add are created, those to remove deleted, as by RDS's own API → InProgress, Failed
    InProgress    until each of them is available, or gone                                     → Successful, Failed

Descriptions and messages follow the pattern that AWS documents for other services ("Setting desired count to 1.",
"Change successfully fulfilled by ecs."). Its words for Aurora are not published.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aurora_lab.models.target_tracking import Decision, Hold, Past
from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.rds.cluster_documents import members
from aurora_lab.region.reader_scaling.documents import (
    OPEN,
    PREFIX,
    RESOURCE_TAG,
    SIDES,
    activities_of,
    alarm_name,
    cluster_of,
    is_its_own,
    is_settled,
    new_activity,
    put_activity,
    readers_of,
)
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region
    from aurora_lab.region.rds.provider import RdsProvider

LAST_TIER = 15
"""Of a reader that auto scaling makes (FACTS 6.7)."""
NOT_SCALED = (Hold.AT_MAXIMUM, Hold.AT_MINIMUM, Hold.AT_DESIRED)
"""Holds for which AWS keeps an activity that did not scale."""


def adjust(region: Region, target: Document, cluster: Document) -> None:
    """Bring the readers into the target's range, if the cluster is active (API `RegisterScalableTarget`)."""
    resource = target["ResourceId"]
    if not is_settled(region, cluster) or open_activity(region, resource) is not None:
        return
    readers = len(readers_of(region, cluster))
    if readers < target["MinCapacity"]:
        to = target["MinCapacity"]
        begin(region, resource, cluster, to, f"minimum capacity was set to {to}")
    elif readers > target["MaxCapacity"]:
        to = max(target["MaxCapacity"], readers - removable(region, resource, cluster))
        if to < readers:
            cause = f"maximum capacity was set to {target['MaxCapacity']}"
            begin(region, resource, cluster, to, cause)


def begin(
    region: Region, resource: str, cluster: Document, to: int, cause: str, *, direction: str | None = None
) -> None:
    """Write the work order for `to` readers. `direction`: `out` or `in` where a policy asks; cooldowns follow.

    The newest of its own readers go first; AWS does not say which do.
    """
    readers = readers_of(region, cluster)
    activity = new_activity(region, resource, f"Setting read replica count to {to}.", cause, "Pending")
    surplus = len(readers) - to
    own = [item["DBInstanceIdentifier"] for item in readers if is_its_own(region, resource, item)]
    activity["_lab"] |= {
        "to": to,
        "direction": direction,
        "add": [f"{PREFIX}{uuid.uuid4()}" for _ in range(-surplus)],
        "remove": own[::-1][: max(surplus, 0)],
    }
    put_activity(region, activity)


def begin_decided(region: Region, cluster: Document, policies: list[Document], decision: Decision) -> None:
    """Begin what the model has decided, or note why a ringing alarm leads to nothing."""
    if decision.policy is None:
        return
    policy = policies[decision.policy]
    resource = policy["ResourceId"]
    readers = len(readers_of(region, cluster))
    outward = policy["_lab"]["alarms"]["High"]["state"] == "ALARM"
    alarm = alarm_name(policy, SIDES[0] if outward else SIDES[1])
    cause = f"monitor alarm {alarm} in state ALARM triggered policy {policy['PolicyName']}"
    if decision.to is not None:
        begin(
            region,
            resource,
            cluster,
            decision.to,
            cause,
            direction="out" if decision.to > readers else "in",
        )
    elif decision.hold in NOT_SCALED:
        _note_not_scaled(region, resource, decision.hold, cause, readers)


def open_activity(region: Region, resource: str) -> Document | None:
    """The activity that is not over, or None."""
    return next((item for item in activities_of(region, resource) if item["StatusCode"] in OPEN), None)


def removable(region: Region, resource: str, cluster: Document) -> int:
    """How many readers auto scaling made."""
    return sum(is_its_own(region, resource, item) for item in readers_of(region, cluster))


def past_of(region: Region, target: Document) -> Past:
    """What the target's policies did last, in lab seconds from now."""
    past, now = target["_lab"]["past"], datetime.now(UTC).timestamp()

    def age(key: str) -> float | None:
        return None if past.get(key) is None else (now - past[key]) * region.clock.scale

    return Past(past.get("out_to", 0), age("out_at"), age("in_at"))


def advance(region: Region, rds: RdsProvider, activity: Document) -> None:
    """Do the next step of an activity that is not over."""
    cluster = cluster_of(region, activity["ResourceId"])
    if cluster is None:
        _finish(region, activity, "the DB cluster is gone")
    elif activity["StatusCode"] == "Pending":
        try:
            _order(region, rds, cluster, activity)
        except AwsError as error:
            _finish(region, activity, error.message)
        else:
            activity["StatusCode"] = "InProgress"
            activity["StatusMessage"] = (
                f"Successfully set read replica count to {activity['_lab']['to']}. "
                "Waiting for change to be fulfilled by rds."
            )
            put_activity(region, activity)
    else:
        _look(region, cluster, activity)


def _order(region: Region, rds: RdsProvider, cluster: Document, activity: Document) -> None:
    for name in activity["_lab"]["add"]:
        if region.store.get("DBInstance", name) is None:
            writer = region.store.get("DBInstance", cluster["_lab"]["writer"] or "")
            if writer is None:
                raise AwsError("InvalidDBClusterStateFault", "the DB cluster has no writer")
            rds.create_db_instance(
                None,
                DBInstanceIdentifier=name,
                DBInstanceClass=writer["DBInstanceClass"],
                Engine=writer["Engine"],
                DBClusterIdentifier=cluster["DBClusterIdentifier"],
                PromotionTier=LAST_TIER,
                Tags=[{"Key": RESOURCE_TAG, "Value": activity["ResourceId"]}],
            )
    for name in activity["_lab"]["remove"]:
        reader = region.store.get("DBInstance", name)
        # One that a failover has made the writer meanwhile stays.
        if reader and reader["DBInstanceStatus"] != "deleting" and name != cluster["_lab"]["writer"]:
            rds.delete_db_instance(None, DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def _look(region: Region, cluster: Document, activity: Document) -> None:
    private = activity["_lab"]
    present = {item["DBInstanceIdentifier"]: item["DBInstanceStatus"] for item in members(region, cluster)}
    added = [present[name] for name in private["add"] if name in present]
    if private["add"] and not added:
        _finish(region, activity, "the new readers were deleted")
        return
    gone = all(present.get(name) != "deleting" for name in private["remove"])
    if gone and all(status == "available" for status in added):
        _finish(region, activity)


def _finish(region: Region, activity: Document, failure: str | None = None) -> None:
    private, now = activity["_lab"], datetime.now(UTC).timestamp()
    count = f"set read replica count to {private['to']}."
    if failure is None:
        status, message = "Successful", f"Successfully {count} Change successfully fulfilled by rds."
    else:
        status, message = "Failed", f"Failed to {count} Reason: {failure}"
    activity.update(StatusCode=status, StatusMessage=message, EndTime=region.now())
    with region.store.transaction():
        put_activity(region, activity)
        target = region.store.get("ScalableTarget", activity["ResourceId"])
        if target is None or failure is not None:
            return
        if private["direction"] == "out":
            # A scale-out ends the cooldown of a scale-in (model, rule 10).
            target["_lab"]["past"] = {"out_to": private["to"], "out_at": now}
        elif private["direction"] == "in":
            target["_lab"]["past"]["in_at"] = now
        region.store.put("ScalableTarget", activity["ResourceId"], target)


def _note_not_scaled(region: Region, resource: str, hold: Hold, cause: str, readers: int) -> None:
    """Once, and again only after something else: an alarm rings on for as long as it rings."""
    newest = next(iter(activities_of(region, resource)), None)
    code = hold.value
    if newest and [reason["Code"] for reason in newest.get("NotScaledReasons", [])] == [code]:
        return
    target = region.store.get("ScalableTarget", resource) or {}
    figures: dict[Hold, Document] = {
        Hold.AT_MAXIMUM: {"MaxCapacity": target.get("MaxCapacity")},
        Hold.AT_MINIMUM: {"MinCapacity": target.get("MinCapacity")},
        Hold.AT_DESIRED: {"CurrentCapacity": readers},
    }
    status = "Successful" if hold is Hold.AT_DESIRED else "Failed"
    activity = new_activity(region, resource, "Attempting to scale due to alarm triggered", cause, status)
    activity["NotScaledReasons"] = [{"Code": code, **figures[hold]}]
    activity["EndTime"] = activity["StartTime"]
    put_activity(region, activity)
