"""How scalable targets, policies and scaling activities are stored, and what the API shows of them.

Every document holds the API's own members, and under `_lab` what only the lab knows:

    ScalableTarget    tags; past: what its policies did last (`out_to`, `out_at`, `in_at`, seconds since the epoch)
    ScalingPolicy     alarms: for `High` and `Low` id, state, reason and since when; points: the metric of the last
                      minutes, newest last; reporters: of how many readers the newest is
    ScalingActivity   to: readers wanted; add, remove: identifiers of instances; direction of a policy's activity
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aurora_lab.models.target_tracking import AlarmState
from aurora_lab.region.rds.cluster_documents import members
from aurora_lab.region.rds.common import public
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

NAMESPACE = "rds"
DIMENSION = "rds:cluster:ReadReplicaCount"
"""FACTS 6.1."""
PREFIX = "application-autoscaling-"
RESOURCE_TAG = "application-autoscaling:resourceId"
"""FACTS 6.7."""
ROLE = "aws-service-role/rds.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_RDSCluster"
"""FACTS 6.13."""
SIDES = ("High", "Low")
OPEN = ("Pending", "InProgress")
"""Statuses of an activity that is not over."""
KEPT_ACTIVITIES = 200
"""Of each target; AWS keeps six weeks."""


def cluster_name(resource: str) -> str:
    """`shop` of `cluster:shop`."""
    return resource.partition(":")[2]


def cluster_of(region: Region, resource: str) -> Document | None:
    """The cluster that a target is about, or None where it is gone or going."""
    cluster = region.store.get("DBCluster", cluster_name(resource))
    return None if cluster is None or cluster["Status"] == "deleting" else cluster


def readers_of(region: Region, cluster: Document) -> list[Document]:
    """All instances but the writer, also those that are being made or removed, oldest first."""
    writer = cluster["_lab"]["writer"]
    return [item for item in members(region, cluster) if item["DBInstanceIdentifier"] != writer]


def is_settled(region: Region, cluster: Document) -> bool:
    """Whether the cluster and each of its instances is available; only then it is scaled (FACTS 6.6)."""
    instances = members(region, cluster)
    return (
        cluster["Status"] == "available"
        and bool(instances)
        and all(item["DBInstanceStatus"] == "available" for item in instances)
    )


def is_its_own(region: Region, resource: str, reader: Document) -> bool:
    """Whether auto scaling made a reader: told by its name and its tag (FACTS 6.7, 6.8)."""
    tags = (region.store.get("Tags", reader["DBInstanceArn"]) or {}).get("TagList", [])
    return (
        reader["DBInstanceIdentifier"].startswith(PREFIX)
        and {
            "Key": RESOURCE_TAG,
            "Value": resource,
        }
        in tags
    )


def new_target(region: Region, resource: str, minimum: int, maximum: int, tags: dict[str, str]) -> Document:
    """The document of a target that is registered for the first time."""
    arn = f"arn:aws:application-autoscaling:{region.name}:{region.account}:scalable-target/"
    return {
        **_names(resource),
        "MinCapacity": minimum,
        "MaxCapacity": maximum,
        "RoleARN": f"arn:aws:iam::{region.account}:role/{ROLE}",
        "CreationTime": region.now(),
        "SuspendedState": {
            "DynamicScalingInSuspended": False,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
        "ScalableTargetARN": arn + secrets.token_hex(18),
        "_lab": {"tags": tags, "past": {}},
    }


def new_policy(region: Region, resource: str, name: str) -> Document:
    """The document of a policy that is new; its configuration is still to come."""
    identifier = uuid.uuid4()
    arn = f"arn:aws:autoscaling:{region.name}:{region.account}:scalingPolicy:{identifier}"
    return {
        "PolicyARN": f"{arn}:resource/{NAMESPACE}/{resource}:policyName/{name}",
        "PolicyName": name,
        **_names(resource),
        "PolicyType": "TargetTrackingScaling",
        "CreationTime": region.now(),
        "_lab": {"alarms": {side: new_alarm(region) for side in SIDES}, "points": []},
    }


def new_alarm(region: Region) -> Document:
    """An alarm that has seen nothing yet."""
    return {
        "id": str(uuid.uuid4()),
        "state": AlarmState.INSUFFICIENT_DATA.value,
        "reason": "Unchecked: Initial alarm creation",
        "since": region.now(),
    }


def new_activity(region: Region, resource: str, description: str, cause: str, status: str) -> Document:
    """The document of an activity that begins now."""
    return {
        "ActivityId": str(uuid.uuid4()),
        **_names(resource),
        "Description": description,
        "Cause": cause,
        "StartTime": region.now(),
        "StatusCode": status,
        # Two may begin within one tick of the time that is shown.
        "_lab": {"begun": time.time_ns()},
    }


def alarm_name(policy: Document, side: str) -> str:
    """As AWS names it: `TargetTracking-cluster:shop-AlarmHigh-UUID`."""
    return f"TargetTracking-{policy['ResourceId']}-Alarm{side}-{policy['_lab']['alarms'][side]['id']}"


def show_policy(region: Region, policy: Document) -> dict[str, Any]:
    """A policy as the API shows it, with its alarms."""
    return {**public(policy), "Alarms": alarms_of(region, policy)}


def alarms_of(region: Region, policy: Document) -> list[dict[str, str]]:
    """The names and ARNs of a policy's alarms."""
    arn = f"arn:aws:cloudwatch:{region.name}:{region.account}:alarm:"
    names = [alarm_name(policy, side) for side in SIDES]
    return [{"AlarmName": name, "AlarmARN": arn + name} for name in names]


def policy_id(resource: str, name: str) -> str:
    """Under which a policy is stored."""
    return f"{resource}/{name}"


def policies_of(region: Region, resource: str) -> list[Document]:
    """A target's policies, by name."""
    return [item for item in region.store.all("ScalingPolicy") if item["ResourceId"] == resource]


def activities_of(region: Region, resource: str) -> list[Document]:
    """A target's activities, newest first."""
    found = [item for item in region.store.all("ScalingActivity") if item["ResourceId"] == resource]
    return newest_first(found)


def newest_first(activities: Iterable[Document]) -> list[Document]:
    """Activities in the order in which the API lists them."""
    return sorted(
        activities, key=lambda item: (item["StartTime"], item["_lab"].get("begun", 0)), reverse=True
    )


def put_policy(region: Region, policy: Document) -> None:
    """Write a policy."""
    region.store.put("ScalingPolicy", policy_id(policy["ResourceId"], policy["PolicyName"]), policy)


def put_activity(region: Region, activity: Document) -> None:
    """Write an activity; the oldest of its target go."""
    with region.store.transaction():
        region.store.put("ScalingActivity", activity["ActivityId"], activity)
        for old in activities_of(region, activity["ResourceId"])[KEPT_ACTIVITIES:]:
            region.store.delete("ScalingActivity", old["ActivityId"])


def remove_target(region: Region, resource: str) -> None:
    """Remove a target with its policies, and so their alarms. Its readers stay, and so do its activities."""
    with region.store.transaction():
        for policy in policies_of(region, resource):
            region.store.delete("ScalingPolicy", policy_id(resource, policy["PolicyName"]))
        region.store.delete("ScalableTarget", resource)


def _names(resource: str) -> Document:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource, "ScalableDimension": DIMENSION}
