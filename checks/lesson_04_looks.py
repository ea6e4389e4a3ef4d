"""Lesson 04: what its checks look at: the cluster, and what the event log tells of its storage nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_lab.cluster.quorum import NAMES
from aurora_lab.course.exercises import Evidence, Mistake, need
from aurora_lab.course.region_view import Document, RegionView, SqlError

CLUSTER = "weather"
DATABASE = "weather"
ZONE = "us-west-2c"
MADE = "DB cluster created."
_ONE = re.compile(r"Storage node (..) has been (killed|paused|cut|destroyed|brought back|rebuilt)\b")
_AZ = re.compile(r"AZ \S+(.) is (out|back)\b")


@dataclass(frozen=True, slots=True)
class Moment:
    """From here on, until the next one, these storage nodes are down."""

    at: datetime
    down: frozenset[str]
    message: str


def the_cluster(region: RegionView) -> Document:
    cluster = region.cluster(CLUSTER)
    if cluster is None or cluster["Status"] != "available":
        status = "not there" if cluster is None else cluster["Status"]
        raise Mistake(
            "no-cluster",
            f"The DB cluster `{CLUSTER}` is {status}.",
            f"The cluster `{CLUSTER}`, available.",
            "The cells at the top of the lesson make it.",
        )
    return cluster


def the_writer(cluster: Document) -> str:
    for member in cluster["DBClusterMembers"]:
        if member["IsClusterWriter"]:
            return str(member["DBInstanceIdentifier"])
    raise Mistake(
        "no-instance",
        f"`{CLUSTER}` has no instance.",
        "An instance that writes.",
        "The cells at the top of the lesson make two.",
    )


def rows(region: RegionView, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a query on the writer. Mistake where the lesson's table is not there."""
    writer = the_writer(the_cluster(region))
    try:
        return region.sql(writer, query, *parameters, database=DATABASE)
    except SqlError as error:
        if error.sqlstate not in ("42P01", "3D000"):
            raise
        raise Mistake(
            "no-table",
            f"`{writer}` says: {error}.",
            "The tables of the lesson.",
            "Run the cells above that make them.",
        ) from error


def told(region: RegionView) -> list[tuple[datetime, str]]:
    """What the event log says of the cluster since it was made, oldest first."""
    found = [(event["Date"], str(event["Message"])) for event in region.events(CLUSTER)]
    made = max((number for number, (_, text) in enumerate(found) if text == MADE), default=0)
    return found[made:]


def moments(region: RegionView) -> list[Moment]:
    """Which storage nodes were down from when on, since the cluster was made; the last one is how it is now."""
    events = told(region)
    found = [Moment(events[0][0], frozenset(), "")] if events else []
    for at, message in events:
        down = found[-1].down
        if of_zone := _AZ.match(message):
            zone = {node for node in NAMES if node[0] == of_zone[1]}
            found.append(Moment(at, down | zone if of_zone[2] == "out" else down - zone, message))
        elif of_one := _ONE.match(message):
            back = of_one[2] in ("brought back", "rebuilt")
            found.append(Moment(at, down - {of_one[1]} if back else down | {of_one[1]}, message))
    return found


def down_now(region: RegionView) -> frozenset[str]:
    found = moments(region)
    return found[-1].down if found else frozenset()


def during(found: list[Moment], since: datetime, until: datetime) -> list[Moment]:
    """The moments that reach into a span of time."""
    ends = [moment.at for moment in found[1:]] + [None]
    return [
        moment
        for moment, end in zip(found, ends, strict=True)
        if moment.at <= until and (end is None or end >= since)
    ]


def stored(region: RegionView, number: int) -> datetime | None:
    """When this measurement was sent, or None where it is not stored: as one sees it who is not waiting for it."""
    found = rows(region, "select extract(epoch from at)::float8 from measurements where number = %s", number)
    return datetime.fromtimestamp(float(found[0][0])).astimezone() if found else None


def numbers(evidence: Evidence, name: str) -> list[float]:
    """A list of numbers that the notebook holds. Raises Mistake."""
    value = need(evidence, name)
    try:
        return [float(item) for item in value]
    except (TypeError, ValueError):
        raise Mistake(
            "not-numbers", f"`{name}` holds {str(value)[:100]}.", "A list of numbers.", _RETURN
        ) from None


def number(evidence: Evidence, name: str) -> float:
    """A number that the notebook holds. Raises Mistake."""
    value = need(evidence, name)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Mistake("not-a-number", f"`{name}` holds {str(value)[:100]}.", "One number.", _RETURN) from None


def names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"


_RETURN = "Does a function lack its `return`?"
