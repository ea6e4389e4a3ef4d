"""Lesson 02: what its checks look at, each look a function."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aurora_lab.course.exercises import Evidence, Mistake, need
from aurora_lab.course.region_view import Document, Login, RegionView, SqlError

CLUSTER = "aurora-shop"
SHOP, COPY = "rds-shop", "rds-copy"
LOGIN = Login("baker", "fresh-bread-1", "shop")
RDS_BEGAN = "Multi-AZ instance failover started."
RDS_DONE = "Multi-AZ instance failover completed."
AURORA_BEGAN = "Started "
AURORA_DONE = "Completed failover to DB instance: "
ENDED = "DB instance deleted."


def the_database(region: RegionView, name: str) -> Document:
    """The RDS instance. Mistake where there is none."""
    found = region.instance(name)
    if found is None:
        raise Mistake(
            "no-instance",
            f"There is no DB instance `{name}` in the region.",
            f"The DB instance `{name}`, of the engine postgres.",
            "Read what your answer cell printed: was the call refused?",
        )
    return found


def available(item: Document) -> Document:
    """The same; Mistake where it is in the middle of something."""
    name, status = item["DBInstanceIdentifier"], item["DBInstanceStatus"]
    if status != "available":
        raise Mistake(
            "not-available",
            f"`{name}` is {status}.",
            "It is available.",
            f'Wait for it, `wait_for("{name}")`, then check again.',
        )
    return item


def the_cluster(region: RegionView) -> Document:
    cluster = region.cluster(CLUSTER)
    if cluster is None:
        raise Mistake(
            "no-cluster",
            f"There is no DB cluster `{CLUSTER}` in the region.",
            f"The cluster `{CLUSTER}`.",
            "Run the cells at the top of the lesson: they make it.",
        )
    return cluster


def the_writer(region: RegionView) -> str:
    """The writer of the Aurora shop. Mistake where there is none, or it is not available."""
    cluster = the_cluster(region)
    writers = [item for item in cluster["DBClusterMembers"] if item["IsClusterWriter"]]
    name = str(writers[0]["DBInstanceIdentifier"]) if writers else ""
    found = region.instance(name) if name else None
    if cluster["Status"] != "available" or found is None:
        raise Mistake(
            "not-available",
            f"The cluster is {cluster['Status']}; its writer is {name or 'nobody'}.",
            "It is available, with a writer.",
            "Is an AZ still out that should be back? `lab.map()` shows it, `lab.fault` brings it back. Else wait a "
            "moment, then check again.",
        )
    available(found)
    return name


def orders(region: RegionView, instance: str, first: int, last: int) -> dict[int, datetime]:
    """When each of these orders was taken, as one instance shows them."""
    query = "select id, extract(epoch from at)::float8 from orders where id between %s and %s"
    try:
        rows = region.sql(instance, query, first, last, database=LOGIN.database)
    except SqlError as error:
        if error.sqlstate in ("42P01", "3D000"):
            raise Mistake(
                "no-table",
                f"`{instance}` has no table `orders`.",
                "The table from the top of the lesson.",
                "Run the cell that makes the table in both shops.",
            ) from error
        raise Mistake(
            "no-answer-from-it",
            f"`{instance}` does not answer.",
            "It answers.",
            "Is its AZ out, or is it not there? `lab.map()` shows it. If it is just starting, check again in a moment.",
        ) from error
    return {int(number): datetime.fromtimestamp(float(at)).astimezone() for number, at in rows}


def all_orders(region: RegionView, instance: str, first: int, last: int) -> dict[int, datetime]:
    """The same; Mistake where some are not stored."""
    found = orders(region, instance, first, last)
    wanted = last - first + 1
    if len(found) < wanted:
        raise Mistake(
            "too-few",
            f"Of the orders {first} to {last}, `{instance}` has {len(found)}.",
            f"All {wanted}.",
            "Has your answer cell run to its end? Read what it printed.",
        )
    return found


def told(
    region: RegionView, identifier: str, message: str, since: datetime, source: str = "db-instance"
) -> list[datetime]:
    """When the event log says this of a source (as its text begins), since a moment; oldest first."""
    return [
        event["Date"]
        for event in region.events(identifier, source)
        if event["Message"].startswith(message) and event["Date"] >= since
    ]


def connected(region: RegionView, host: str, since: datetime) -> int:
    """How many connections were made to a host name since a moment."""
    return sum(item.at >= since for item in region.connections(host))


def number(evidence: Evidence, name: str) -> float:
    """A number that the notebook holds. Raises Mistake."""
    value: Any = need(evidence, name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise Mistake(
        "not-a-number", f"`{name}` holds {repr(value)[:100]}.", "One number.", "A count, as 2; no text."
    )


def names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"
