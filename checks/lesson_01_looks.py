"""Lesson 01: what its checks look at, each look a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_lab.course.exercises import Evidence, Mistake, need
from aurora_lab.course.region_view import Document, Login, RegionView, SqlError

CLUSTER = "bakery"
LOGIN = Login("baker", "fresh-bread-1", "bakery")
ENDED = "DB instance deleted."
MADE = "DB instance created."
RESTARTED = "DB instance restarted."
SHUT_DOWN = "DB instance shutdown."


@dataclass(frozen=True, slots=True)
class Order:
    """A stored order: when it was taken, and by which instance."""

    at: datetime
    by: str


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


def the_writer(cluster: Document) -> str:
    for member in cluster["DBClusterMembers"]:
        if member["IsClusterWriter"]:
            return str(member["DBInstanceIdentifier"])
    raise Mistake(
        "no-instance",
        f"`{CLUSTER}` has no DB instance: nobody can be asked.",
        "An instance that writes.",
        'Make one with `add("...", "us-west-2b")`.',
    )


def running_writer(region: RegionView, cluster: Document) -> str:
    """The writer; Mistake where the cluster is failing over or its writer is not available."""
    writer = the_writer(cluster)
    found = region.instance(writer)
    status = found["DBInstanceStatus"] if found else "gone"
    if cluster["Status"] != "available" or status != "available":
        raise Mistake(
            "not-available",
            f"The cluster is {cluster['Status']}, `{writer}` is {status}.",
            "Both are available.",
            "Wait a moment, then check again.",
        )
    return writer


def orders(region: RegionView, instance: str, first: int, last: int) -> dict[int, Order]:
    """The orders with these numbers, as one instance shows them."""
    query = "select id, extract(epoch from at)::float8, taken_by from orders where id between %s and %s order by id"
    try:
        rows = region.sql(instance, query, first, last, database=LOGIN.database)
    except SqlError as error:
        if error.sqlstate not in ("42P01", "3D000"):
            raise
        raise Mistake(
            "no-table",
            f"`{instance}` has no table `orders`.",
            "The table from the top of the lesson.",
            "Run the cell that makes the cluster and the table.",
        ) from error
    return {int(number): Order(moment(float(at)), str(by)) for number, at, by in rows}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()


def all_of(found: dict[int, Order], first: int, last: int) -> dict[int, Order]:
    """The same; Mistake where some of these orders are not stored."""
    wanted = last - first + 1
    if not found:
        raise Mistake(
            "no-orders",
            f"The table `orders` has none of the orders {first} to {last}.",
            f"All {wanted}.",
            "Has your answer cell run to its end? Read what it printed.",
        )
    if len(found) < wanted:
        raise Mistake(
            "too-few",
            f"Of the orders {first} to {last}, {len(found)} are stored.",
            f"All {wanted}.",
            "`take_orders(first, last, fault)` takes both numbers. Did it give up before the end?",
        )
    return found


def span(found: dict[int, Order]) -> tuple[datetime, datetime]:
    """When the first and the last of these orders were taken."""
    moments = [order.at for order in found.values()]
    return min(moments), max(moments)


def by_instance(found: dict[int, Order]) -> str:
    return tally(Counter(order.by for order in found.values()))


def told(
    region: RegionView,
    identifier: str,
    message: str,
    source: str = "db-instance",
    since: datetime | None = None,
) -> list[datetime]:
    """When the event log says this of a source, since a moment; oldest first."""
    return [
        event["Date"]
        for event in region.events(identifier, source)
        if event["Message"] == message and (since is None or event["Date"] >= since)
    ]


def failovers(region: RegionView, since: datetime) -> list[tuple[datetime, str]]:
    """The failovers that were completed since a moment, and to whom."""
    done = "Completed failover to DB instance: "
    return [
        (event["Date"], event["Message"].removeprefix(done).rstrip("."))
        for event in region.events(CLUSTER)
        if event["Message"].startswith(done) and event["Date"] >= since
    ]


def connections(region: RegionView, host: str, since: datetime) -> Counter[str]:
    """How many connections to a host name were led to each instance, since a moment."""
    return Counter(item.instance for item in region.connections(host) if item.at >= since)


def number(evidence: Evidence, name: str) -> float:
    """A number that the notebook holds, also as psql printed it. Raises Mistake."""
    value: Any = need(evidence, name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    try:
        return float(value)
    except (TypeError, ValueError):
        if value == []:
            raise Mistake(
                "nothing-printed",
                f"`{name}` is an empty list: psql printed nothing.",
                "One number, as `psql -At` prints it.",
                "Was its statement empty? A Python variable in the same line as `$WRITER` is not filled in: write the "
                "statement itself there, or put it into `os.environ`.",
            ) from None
        raise Mistake(
            "not-a-number",
            f"`{name}` holds {str(value)[:100]}.",
            "One number, as `psql -At` prints it.",
            "If it is an error, read what it says. `psql -At` prints the bare value.",
        ) from None


def tally(count: Counter[str]) -> str:
    return ", ".join(f"{many} × {name}" for name, many in sorted(count.items())) or "nothing"


def names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"
