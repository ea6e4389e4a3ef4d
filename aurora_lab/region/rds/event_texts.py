"""Aurora's events: id, categories, exact text and source type.

Source: UG USER_Events.Messages (copy of 2026-04-13); rows that a lesson teaches are also in the fact table
(FACTS 3.20, 4.18, 5.20, 7.1, 7.3, 7.4, 7.5). The texts are AWS's word for word; `{…}` is what AWS fills in.
RDS-EVENT-0049 is not among Aurora's: it is one of RDS Multi-AZ (FACTS 7.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CLUSTER: Final = "db-cluster"
SNAPSHOT: Final = "db-cluster-snapshot"
INSTANCE: Final = "db-instance"
PARAMETER_GROUP: Final = "db-parameter-group"


@dataclass(frozen=True, slots=True)
class Event:
    """What is told when something happens."""

    source_type: str
    categories: tuple[str, ...]
    text: str
    """For `str.format`."""


def _event(source_type: str, categories: str, text: str) -> Event:
    return Event(source_type, tuple(categories.split(", ")), text)


_GLOBAL = "global failover"
_SERVERLESS = "notification, serverless"
_BLOCK_WRITES = "notification, global database"

EVENTS: Final[Mapping[str, Event]] = {
    # Clusters.
    "RDS-EVENT-0016": _event(CLUSTER, "configuration change", "Reset master credentials."),
    "RDS-EVENT-0170": _event(CLUSTER, "creation", "DB cluster created."),
    "RDS-EVENT-0171": _event(CLUSTER, "deletion", "DB cluster deleted."),
    "RDS-EVENT-0069": _event(
        CLUSTER,
        "failover",
        "Cluster failover failed, check the health of your cluster instances and try again.",
    ),
    "RDS-EVENT-0070": _event(CLUSTER, "failover", "Promoting previous primary again: {name}."),
    "RDS-EVENT-0071": _event(CLUSTER, "failover", "Completed failover to DB instance: {name}."),
    "RDS-EVENT-0072": _event(CLUSTER, "failover", "Started same AZ failover to DB instance: {name}."),
    "RDS-EVENT-0073": _event(CLUSTER, "failover", "Started cross AZ failover to DB instance: {name}."),
    "RDS-EVENT-0181": _event(
        CLUSTER, _GLOBAL, "Global switchover to DB cluster {name} in Region {region} started."
    ),
    "RDS-EVENT-0182": _event(
        CLUSTER, _GLOBAL, "Old primary DB cluster {name} in Region {region} successfully shut down."
    ),
    "RDS-EVENT-0183": _event(
        CLUSTER,
        _GLOBAL,
        "Waiting for data synchronization across global cluster members. "
        "Current lags behind primary DB cluster: {reason}.",
    ),
    "RDS-EVENT-0184": _event(
        CLUSTER, _GLOBAL, "New primary DB cluster {name} in Region {region} was successfully promoted."
    ),
    "RDS-EVENT-0185": _event(
        CLUSTER, _GLOBAL, "Global switchover to DB cluster {name} in Region {region} finished."
    ),
    "RDS-EVENT-0186": _event(
        CLUSTER, _GLOBAL, "Global switchover to DB cluster {name} in Region {region} is cancelled."
    ),
    "RDS-EVENT-0187": _event(
        CLUSTER, _GLOBAL, "Global switchover to DB cluster {name} in Region {region} failed."
    ),
    "RDS-EVENT-0238": _event(
        CLUSTER, _GLOBAL, "Global failover to DB cluster {name} in Region {region} completed."
    ),
    "RDS-EVENT-0239": _event(
        CLUSTER, _GLOBAL, "Global failover to DB cluster {name} in Region {region} failed."
    ),
    "RDS-EVENT-0240": _event(
        CLUSTER,
        _GLOBAL,
        "Started resynchronizing members of DB cluster {name} in Region {region} after global failover.",
    ),
    "RDS-EVENT-0241": _event(
        CLUSTER,
        _GLOBAL,
        "Finished resynchronizing members of DB cluster {name} in Region {region} after global failover.",
    ),
    "RDS-EVENT-0397": _event(
        CLUSTER,
        _GLOBAL,
        "Aurora finished changing the DNS name that the global writer endpoint resolves to.",
    ),
    "RDS-EVENT-0423": _event(
        CLUSTER,
        _GLOBAL,
        "Waiting for data synchronization with the target DB cluster. "
        "Current target DB cluster lag behind the primary DB cluster: {lag}.",
    ),
    "RDS-EVENT-0150": _event(CLUSTER, "notification", "DB cluster stopped."),
    "RDS-EVENT-0151": _event(CLUSTER, "notification", "DB cluster started."),
    "RDS-EVENT-0152": _event(CLUSTER, "notification", "DB cluster stop failed."),
    "RDS-EVENT-0153": _event(
        CLUSTER,
        "notification",
        "DB cluster is being started due to it exceeding the maximum allowed time being stopped.",
    ),
    "RDS-EVENT-0172": _event(CLUSTER, "notification", "Renamed cluster from {old} to {new}."),
    # Snapshots of clusters.
    "RDS-EVENT-0074": _event(SNAPSHOT, "backup", "Creating manual cluster snapshot."),
    "RDS-EVENT-0075": _event(SNAPSHOT, "backup", "Manual cluster snapshot created."),
    "RDS-EVENT-0168": _event(SNAPSHOT, "backup", "Creating automated cluster snapshot."),
    "RDS-EVENT-0169": _event(SNAPSHOT, "backup", "Automated cluster snapshot created."),
    # Instances.
    "RDS-EVENT-0004": _event(INSTANCE, "availability", "DB instance shutdown."),
    "RDS-EVENT-0006": _event(INSTANCE, "availability", "DB instance restarted."),
    "RDS-EVENT-0011": _event(INSTANCE, "configuration change", "Updated to use DBParameterGroup {name}."),
    "RDS-EVENT-0012": _event(
        INSTANCE, "configuration change", "Applying modification to database instance class."
    ),
    "RDS-EVENT-0014": _event(
        INSTANCE, "configuration change", "Finished applying modification to DB instance class."
    ),
    "RDS-EVENT-0092": _event(INSTANCE, "configuration change", "Finished updating DB parameter group."),
    "RDS-EVENT-0005": _event(INSTANCE, "creation", "DB instance created."),
    "RDS-EVENT-0003": _event(INSTANCE, "deletion", "DB instance deleted."),
    "RDS-EVENT-0035": _event(INSTANCE, "failure", "Database instance put into {state}. {message}."),
    "RDS-EVENT-0227": _event(
        INSTANCE,
        "low storage",
        "Your Aurora cluster's storage is dangerously low with only {amount} terabytes remaining. "
        "Please take measures to reduce the storage load on your cluster.",
    ),
    "RDS-EVENT-0087": _event(INSTANCE, "notification", "DB instance stopped."),
    "RDS-EVENT-0088": _event(INSTANCE, "notification", "DB instance started."),
    "RDS-EVENT-0370": _event(INSTANCE, _SERVERLESS, "Initiated pause for the DB instance."),
    "RDS-EVENT-0371": _event(INSTANCE, _SERVERLESS, "Pause was canceled for the DB instance."),
    "RDS-EVENT-0372": _event(INSTANCE, _SERVERLESS, "Successfully paused the DB instance."),
    "RDS-EVENT-0373": _event(INSTANCE, _SERVERLESS, "Initiated resume for the DB instance."),
    "RDS-EVENT-0374": _event(INSTANCE, _SERVERLESS, "Successfully resumed the DB instance."),
    # The cluster's names lead elsewhere; told of the instance that they lead to or led to.
    "RDS-EVENT-0385": _event(INSTANCE, "notification", "Cluster topology is updated."),
    "RDS-EVENT-0390": _event(
        INSTANCE,
        _BLOCK_WRITES,
        "Attempt to block writes for DB cluster {name} in Region {region} succeeded.",
    ),
    "RDS-EVENT-0391": _event(
        INSTANCE,
        _BLOCK_WRITES,
        "Attempt to block writes for DB cluster {name} in Region {region} timed out.",
    ),
    "RDS-EVENT-0020": _event(
        INSTANCE,
        "recovery",
        "Recovery of the DB instance has started. "
        "Recovery time will vary with the amount of data to be recovered.",
    ),
    "RDS-EVENT-0021": _event(INSTANCE, "recovery", "Recovery of the DB instance is complete."),
    "RDS-EVENT-0019": _event(INSTANCE, "restoration", "Restored from DB instance {old} to {new}."),
    # Parameter groups.
    "RDS-EVENT-0037": _event(
        PARAMETER_GROUP,
        "configuration change",
        "Updated parameter {name} to {value} with apply method {method}.",
    ),
}

# Of RDS Multi-AZ instances; none of them is an Aurora event (FACTS 4.19, 7.2).
MULTI_AZ_EVENTS: Final[Mapping[str, Event]] = {
    "RDS-EVENT-0013": _event(INSTANCE, "failover", "Multi-AZ instance failover started."),
    "RDS-EVENT-0049": _event(INSTANCE, "failover", "Multi-AZ instance failover completed."),
    "RDS-EVENT-0050": _event(INSTANCE, "failover", "Multi-AZ instance activation started."),
    "RDS-EVENT-0051": _event(INSTANCE, "failover", "Multi-AZ instance activation completed."),
    "RDS-EVENT-0065": _event(INSTANCE, "failover", "Recovered from partial failover."),
}

CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {
    # The same page's headings, less what belongs to other engines only.
    INSTANCE: (
        "availability",
        "backtrack",
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "global database",
        "low storage",
        "maintenance",
        "notification",
        "read replica",
        "recovery",
        "restoration",
        "security patching",
        "serverless",
    ),
    CLUSTER: (
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "global failover",
        "maintenance",
        "notification",
    ),
    SNAPSHOT: ("backup", "failure", "notification"),
    PARAMETER_GROUP: ("configuration change",),
    "db-security-group": ("configuration change", "failure"),
    "db-proxy": ("configuration change", "creation", "deletion", "failure"),
    "blue-green-deployment": ("creation", "deletion", "failure", "notification"),
    "db-shard-group": ("failure", "maintenance", "notification"),
}
