"""Lesson 06: what its checks look at: the range, capacities over time, pauses and resumes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora_lab.course.exercises import Evidence, Mistake, need
from aurora_lab.course.region_view import Document, RegionView, SqlError

CLUSTER = DATABASE = "ferry"
WRITER, FOLLOWER, ALONE = "ferry-1", "ferry-2", "ferry-3"
PAUSED, RESUMING, RESUMED = (
    "Successfully paused the DB instance.",
    "Initiated resume for the DB instance.",
    "Successfully resumed the DB instance.",
)


def the_cluster(region: RegionView) -> Document:
    """The lesson's cluster. Raises Mistake."""
    cluster = region.cluster(CLUSTER)
    if cluster is None or cluster["Status"] != "available":
        status = "not there" if cluster is None else cluster["Status"]
        raise Mistake(
            "no-cluster",
            f"The DB cluster `{CLUSTER}` is {status}.",
            f"The cluster `{CLUSTER}`, available.",
            "Exercise 06.1 makes it. Each `refused:` says what was wrong with a range.",
        )
    return cluster


def the_range(cluster: Document) -> tuple[float, float]:
    """The smallest and the largest capacity, in ACUs. Raises Mistake where there is none."""
    scaling = cluster.get("ServerlessV2ScalingConfiguration")
    if not scaling:
        raise Mistake(
            "no-range",
            f"The cluster `{CLUSTER}` has no range of capacity.",
            "A ServerlessV2ScalingConfiguration.",
            "Give it one: `MinCapacity` and `MaxCapacity`.",
        )
    return float(scaling["MinCapacity"]), float(scaling["MaxCapacity"])


def instance(region: RegionView, name: str) -> Document:
    """One of the lesson's instances, available. Raises Mistake."""
    found = region.instance(name)
    if found is None or found["DBInstanceStatus"] != "available":
        status = "not there" if found is None else found["DBInstanceStatus"]
        raise Mistake(
            "no-instance",
            f"The DB instance `{name}` is {status}.",
            f"The instance `{name}`, available.",
            f'`add("{name}")` makes it, and waits.',
        )
    return found


def rows(region: RegionView, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query on the writer. Raises Mistake where it does not answer."""
    instance(region, WRITER)
    try:
        return region.sql(WRITER, query, database=DATABASE)
    except SqlError as error:
        raise Mistake(
            "no-answer-from-the-writer",
            f"`{WRITER}` says: {error}",
            "A writer that is awake, with the lesson's tables.",
            "Run the cells above that make them. `knock()` wakes a writer that is paused.",
        ) from error


@dataclass(frozen=True, slots=True)
class Rush:
    """One run of `rush`, as its row shows it."""

    began: float
    ended: float
    """Seconds since the epoch."""
    asked: str
    """The host name."""


def the_rush(region: RegionView) -> Rush | None:
    """The newest rush, or None."""
    found = rows(
        region,
        "select extract(epoch from began)::float8, extract(epoch from ended)::float8, asked"
        " from rush order by ended desc limit 1",
    )
    return Rush(*found[0]) if found else None


def highest(region: RegionView, name: str, since: float) -> float:
    """The most ACUs that an instance has had since a moment (seconds since the epoch)."""
    points = _points(region, name)
    ends = [at for at, _, _ in points[1:]] + [float("inf")]
    return max((acus for (_, acus, _), end in zip(points, ends, strict=True) if end > since), default=0.0)


def acu_seconds(region: RegionView, name: str, since: float, until: float) -> float:
    """What an instance is billed for from one moment to another, in ACUs times seconds of AWS."""
    points = _points(region, name)
    ends = [at for at, _, _ in points[1:]] + [until]
    return sum(
        acus * scale * max(0.0, min(end, until) - max(at, since))
        for (at, acus, scale), end in zip(points, ends, strict=True)
    )


def _points(region: RegionView, name: str) -> list[tuple[float, float, float]]:
    # Of several instances that had this name, the newest.
    found = [item for item in region.capacity(CLUSTER) if item["instance"] == name]
    newest = max(found, key=lambda item: float(item["until"]), default=None)
    return [(point["at"], point["acus"], point["scale"]) for point in newest["points"]] if newest else []


def told(region: RegionView, name: str) -> list[tuple[datetime, str]]:
    """What the event log says of an instance, oldest first, without those of its name before."""
    found = [(event["Date"], str(event["Message"])) for event in region.events(name, "db-instance")]
    made = max(
        (number for number, (_, text) in enumerate(found) if text == "DB instance created."), default=0
    )
    return found[made:]


def sleeps(region: RegionView, name: str) -> bool:
    """Whether an instance is paused now."""
    pauses = [text for _, text in told(region, name) if text in (PAUSED, RESUMING, RESUMED)]
    return pauses[-1:] == [PAUSED]


@dataclass(frozen=True, slots=True)
class Resume:
    """One resume that came to its end."""

    paused: datetime
    asked: datetime
    awake: datetime


def resumes(region: RegionView, name: str) -> list[Resume]:
    """All resumes of an instance, oldest first."""
    found, paused, asked = list[Resume](), None, None
    for at, text in told(region, name):
        if text == PAUSED:
            paused, asked = at, None
        elif text == RESUMING:
            asked = at
        elif text == RESUMED and paused and asked:
            found.append(Resume(paused, asked, at))
    return found


def knocked(region: RegionView, cluster: Document, resume: Resume) -> bool:
    """Whether a client connected to the writer endpoint when a resume was asked for."""
    soon = timedelta(seconds=1)
    moments = [item.at for item in region.connections(cluster["Endpoint"])]
    return any(resume.paused <= at <= resume.asked + soon for at in moments)


def number(evidence: Evidence, name: str) -> float:
    """A number that the notebook holds. Raises Mistake."""
    value = need(evidence, name)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Mistake("not-a-number", f"`{name}` holds {str(value)[:100]}.", "One number.", _RETURN) from None


def numbers(evidence: Evidence, name: str, keys: tuple[str, ...]) -> dict[str, float]:
    """A dictionary of numbers with these keys. Raises Mistake."""
    value = need(evidence, name)
    try:
        return {key: float(value[key]) for key in keys}
    except (TypeError, ValueError, KeyError):
        raise Mistake(
            "not-numbers",
            f"`{name}` holds {str(value)[:100]}.",
            f"A dictionary with a number for each of {', '.join(keys)}.",
            _RETURN,
        ) from None


_RETURN = "Does a function lack its `return`, or a name its quotes?"
