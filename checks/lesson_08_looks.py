"""Lesson 08: what its checks look at, each look a function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from aurora_lab.course.exercises import Evidence, Mistake, need
from aurora_lab.course.region_view import Document, RegionView, Row, SqlError

CLUSTER = "toll"
DATABASE = "toll"
STARTED = re.compile(r"Started (same|cross) AZ failover to DB instance: (.+)\.")
COMPLETED = re.compile(r"Completed failover to DB instance: (.+)\.")
OUT = re.compile(r"AZ (\S+) is out")


@dataclass(frozen=True, slots=True)
class Failover:
    """One failover of the cluster, as its event log tells it."""

    started: datetime
    completed: datetime
    same_az: bool
    to: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The payments of one gate, oldest first: when each was taken, and by which instance."""

    name: str
    at: tuple[datetime, ...]
    taken_by: tuple[str, ...]

    @property
    def instances(self) -> list[str]:
        """Who has taken payments, in order."""
        return list(dict.fromkeys(self.taken_by))

    @property
    def gap(self) -> float:
        """The longest time between two payments, in seconds."""
        return max(((after - at).total_seconds() for at, after in pairwise(self.at)), default=0.0)

    @property
    def most(self) -> float:
        """The longest that this gap can have been for the client, in seconds.

        A row tells when its statement ran, and the client was told later: when the commit had its quorum. But it sent
        the next payment only after that.
        """
        spans = [(after - at).total_seconds() for at, after in pairwise(self.at)]
        if not spans:
            return 0.0
        longest = spans.index(max(spans))
        return sum(spans[longest : longest + 2])

    def held(self, moment: datetime) -> bool:
        """Whether the gate was open at a moment."""
        return self.at[0] <= moment <= self.at[-1]


def the_cluster(region: RegionView) -> Document:
    """The cluster. Mistake where there is none, or it is in the middle of something."""
    cluster = region.cluster(CLUSTER)
    if cluster is None:
        raise Mistake(
            "no-cluster",
            f"There is no DB cluster `{CLUSTER}` in the region.",
            f"The cluster `{CLUSTER}`.",
            "Run the cells at the top of the lesson: they make it.",
        )
    if cluster["Status"] != "available":
        raise Mistake(
            "not-available",
            f"The cluster is {cluster['Status']}.",
            "It is available.",
            "Wait for it, `settle()`, then check again.",
        )
    return cluster


def the_writer(region: RegionView) -> str:
    """The writer of the cluster. Mistake where there is none."""
    for member in the_cluster(region)["DBClusterMembers"]:
        if member["IsClusterWriter"]:
            return str(member["DBInstanceIdentifier"])
    raise Mistake(
        "no-instance",
        f"`{CLUSTER}` has no instance.",
        "An instance that writes.",
        "Run the cells at the top of the lesson: they make three.",
    )


def failovers(region: RegionView) -> list[Failover]:
    """All failovers that came to their end, oldest first."""
    found: list[Failover] = []
    begun: tuple[datetime, bool] | None = None
    for event in region.events(CLUSTER):
        if told := STARTED.fullmatch(event["Message"]):
            begun = (event["Date"], told[1] == "same")
        elif (told := COMPLETED.fullmatch(event["Message"])) and begun is not None:
            found.append(Failover(begun[0], event["Date"], begun[1], told[1]))
            begun = None
    return found


def outages(region: RegionView) -> list[tuple[datetime, str]]:
    """When which AZ was taken away, oldest first."""
    return [
        (event["Date"], told[1]) for event in region.events(CLUSTER) if (told := OUT.match(event["Message"]))
    ]


def is_back(region: RegionView, zone: str, since: datetime, until: datetime | None = None) -> bool:
    """Whether an AZ came back after a moment (and before another)."""
    return any(
        event["Message"] == f"AZ {zone} is back." and since < event["Date"] <= (until or event["Date"])
        for event in region.events(CLUSTER)
    )


def rows(region: RegionView, query: str, *values: object) -> list[Row]:
    """Rows of the lesson's tables, as the writer shows them. Mistake where there is no such table."""
    try:
        return region.sql(the_writer(region), query, *values, database=DATABASE)
    except SqlError as error:
        if error.sqlstate == "42P01":
            raise Mistake(
                "no-table",
                "The table of this part is not there.",
                "A table that the part's own cells make.",
                "Run the cells above the exercise.",
            ) from error
        raise Mistake(
            "no-answer-from-it",
            f"The writer does not answer: {error}",
            "It answers.",
            "Wait for it, `settle()`, then check again.",
        ) from error


def the_gate(region: RegionView, name: str) -> Gate:
    """A gate that was watched. Mistake where nobody has paid there."""
    found = rows(
        region,
        "select extract(epoch from at)::float8, taken_by from payment where gate = %s order by at",
        name,
    )
    if not found:
        raise Mistake("no-payments", f"Nobody has paid at the gate `{name}`.", f"A watch of gate `{name}`.")
    moments = [datetime.fromtimestamp(float(at)).astimezone() for at, _ in found]
    return Gate(name, tuple(moments), tuple(str(by) for _, by in found))


def failed_over(gate: Gate) -> Gate:
    """The same; Mistake where one instance has taken all its payments."""
    if len(gate.instances) < 2:
        raise Mistake(
            "one-instance",
            f"All {len(gate.at)} payments at the gate `{gate.name}` were taken by {gate.instances[0]}.",
            "A failover while cars pay.",
        )
    return gate


def numbers(evidence: Evidence, name: str, keys: Sequence[str]) -> dict[str, float]:
    """A dictionary of numbers in the notebook. Raises Mistake."""
    value: Any = need(evidence, name)
    good = isinstance(value, dict) and all(
        isinstance(value.get(key), int | float) and not isinstance(value.get(key), bool) for key in keys
    )
    if not good:
        raise Mistake(
            "not-numbers",
            f"`{name}` is {str(value)[:100]}.",
            f"A dictionary with a number under each of {names(keys)}.",
            f'As `{{"{keys[0]}": 1, ...}}`.',
        )
    return {key: float(value[key]) for key in keys}


def names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"
