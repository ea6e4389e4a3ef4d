"""Lesson 03: what its checks look at, each look a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from aurora_lab.course.exercises import Mistake
from aurora_lab.course.region_view import Document, RegionView, SqlError

CLUSTER = "tickets"
DATABASE = "tickets"
VISIT = 12


def the_cluster(region: RegionView, name: str = CLUSTER) -> Document:
    cluster = region.cluster(name)
    if cluster is None:
        raise Mistake(
            "no-cluster",
            f"There is no DB cluster `{name}` in the region.",
            f"The cluster `{name}`.",
            "Run the cells at the top of the lesson: they make it.",
        )
    return cluster


def the_writer(cluster: Document) -> str:
    """The writer. Mistake where there is none, or the cluster is in the middle of something."""
    if cluster["Status"] != "available":
        raise Mistake(
            "not-available",
            f"The cluster is {cluster['Status']}.",
            "It is available.",
            "Wait a moment, then check again.",
        )
    for member in cluster["DBClusterMembers"]:
        if member["IsClusterWriter"]:
            return str(member["DBInstanceIdentifier"])
    raise Mistake(
        "no-instance",
        f"`{cluster['DBClusterIdentifier']}` has no instance.",
        "An instance that writes.",
        "Run the cells at the top of the lesson: they make three.",
    )


def own_name(region: RegionView, instance: str) -> str:
    """The instance endpoint."""
    found = region.instance(instance)
    if found is None or "Endpoint" not in found:
        raise Mistake(
            "no-instance",
            f"There is no instance `{instance}`.",
            f"`{instance}`.",
            "Was it deleted too early?",
        )
    return str(found["Endpoint"]["Address"])


def seller(region: RegionView, writer: str, number: int) -> str | None:
    """Who has sold this ticket, or None."""
    try:
        rows = region.sql(writer, "select sold_by from sold where id = %s", number, database=DATABASE)
    except SqlError as error:
        if error.sqlstate not in ("42P01", "3D000"):
            raise
        raise Mistake(
            "no-table",
            f"`{writer}` has no table `sold`.",
            "The table from the top of the lesson.",
            "Run the cell that makes the cluster and the table.",
        ) from error
    return str(rows[0][0]) if rows else None


def failover_to(region: RegionView, instance: str) -> datetime | None:
    """When the last failover to this instance was complete, or None."""
    done = f"Completed failover to DB instance: {instance}."
    found = [event["Date"] for event in region.events(CLUSTER) if event["Message"] == done]
    return max(found, default=None)


def deleted_at(region: RegionView, instances: Iterable[str]) -> datetime | None:
    """When the last of these instances was gone, or None."""
    found = [
        event["Date"]
        for name in instances
        for event in region.events(name, "db-instance")
        if event["Message"] == "DB instance deleted."
    ]
    return max(found, default=None)


def led_to(region: RegionView, host: str, since: datetime | None = None) -> Counter[str]:
    """How many connections to a host name were led to each instance, since a moment."""
    return Counter(item.instance for item in region.connections(host) if since is None or item.at >= since)


def visits(region: RegionView, host: str, since: datetime) -> Counter[str]:
    """The newest connections to a host name, as many as one visit makes, since a moment."""
    made = [item.instance for item in region.connections(host) if item.at >= since]
    return Counter(made[-VISIT:])


def custom(region: RegionView, name: str) -> Document:
    """A custom endpoint of the cluster. Raises Mistake."""
    found = {item.get("DBClusterEndpointIdentifier"): item for item in region.endpoints(CLUSTER)}
    if name not in found:
        raise Mistake(
            "no-endpoint",
            f"The cluster has no custom endpoint `{name}`.",
            "Two: `report` and `website`.",
            "Did `create_db_cluster_endpoint` end with an error? Read its last line.",
        )
    return found[name]


def behind(endpoint: Document, writer: str, instances: Iterable[str]) -> set[str]:
    """The instances that a custom endpoint leads to, by its type and list (FACTS 3.15)."""
    listed = (
        set(endpoint["StaticMembers"]) & set(instances)
        if endpoint["StaticMembers"]
        else set(instances) - set(endpoint["ExcludedMembers"])
    )
    if endpoint["CustomEndpointType"] == "READER":
        return listed - {writer}
    return listed & {writer} if endpoint["CustomEndpointType"] == "WRITER" else listed


def tally(count: Counter[str]) -> str:
    return ", ".join(f"{number} × {name}" for name, number in sorted(count.items())) or "nobody"


def names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"
