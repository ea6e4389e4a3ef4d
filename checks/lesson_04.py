"""Lesson 04, the storage layer: an AZ, an AZ and one more, a slow node, PGCL. The others stand in the file beside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise
from aurora_lab.course.region_view import RegionView
from aurora_lab.models import lsn
from aurora_lab.models.quorum import AURORA

from . import lesson_04_hints as hints
from . import lesson_04_wrong as wrong
from .lesson_04_looks import (
    ZONE,
    Moment,
    down_now,
    during,
    moments,
    names,
    number,
    numbers,
    rows,
    stored,
    the_cluster,
)
from .lesson_04_rules import check_bill, check_candidates, check_repair, check_rules, check_table_1

__all__ = ["check_bill", "check_candidates", "check_repair", "check_rules", "check_table_1"]

OUT = frozenset({"c1", "c2"})
"""The storage nodes of the AZ that fails."""
SLOW = "b1"
SERIES = ("well", "one_slow", "no_spare")
PAUSED = frozenset({"b1", "c1", "c2"})
SETS = ([90, 90, 90, 90, 90, 90], [50, 40, 60, 10, 30, 20], [7, 100, 100, 100, 8, 9])


@exercise(
    "04.1",
    "Commit without an AZ",
    hints=hints.AZ,
    wrong=wrong.AZ,
    prediction=Prediction(
        "abc",
        "b",
        "A write needs four of six [1.4]. Any two may be lost, so also a whole AZ, with writes intact [1.5].",
    ),
)
def check_az(region: RegionView, _evidence: Evidence) -> Passed:
    """Measurement 1 was sent while the AZ was out, and the AZ still is."""
    the_cluster(region)
    found, sent = moments(region), stored(region, 1)
    if sent is None:
        raise Mistake(
            "not-sent",
            f"Measurement 1 is not stored. Down now: {names(found[-1].down)}.",
            f"The AZ {ZONE} is out, and measurement 1 is sent without it.",
            f'`lab.fault("az", "{ZONE}")` takes the AZ out; `first = Commit(1)` sends the measurement.',
        )
    down = _at(found, sent).down
    if not down >= OUT:
        kind = {0: "sent-before", 1: "one-node"}.get(len(down), "other-az")
        raise Mistake(
            kind,
            f"When measurement 1 was sent, these storage nodes were down: {names(down)}.",
            f"It is sent while the AZ {ZONE} is out.",
        )
    if not found[-1].down >= OUT:
        raise Mistake(
            "back-already", f"The AZ {ZONE} is back.", "It is still out: the next exercise needs it so."
        )
    return Passed(
        f"Without {names(OUT)}, measurement 1 is stored: {AURORA.copies - len(down)} nodes have it."
    )


@exercise(
    "04.2",
    "Break it, and repair it with one call",
    hints=hints.ONE_MORE,
    wrong=wrong.ONE_MORE,
    prediction=Prediction(
        "abcd",
        "b",
        "With an AZ and one more lost, there is no write quorum, and still a read quorum [1.5]. A reader follows "
        "asynchronously and is no part of either [1.3].",
    ),
)
def check_one_more(region: RegionView, _evidence: Evidence) -> Passed:
    """Measurement 2 was sent to three nodes, waited while both endpoints answered, and went on with a fourth."""
    cluster = the_cluster(region)
    found, sent = moments(region), stored(region, 2)
    if not AURORA.can_write(AURORA.copies - len(found[-1].down)):
        # What is stored of an earlier try says nothing of the one that waits.
        raise Mistake(
            "still-waits",
            f"These storage nodes are down: {names(found[-1].down)}. No commit is confirmed now.",
            "Measurement 2 is confirmed in the end.",
        )
    if sent is None:
        raise Mistake(
            "not-sent",
            "Measurement 2 is not stored, and nothing keeps it from being stored.",
            "Measurement 2, sent while three storage nodes are left.",
            "First kill `a2`, then `second = Commit(2)`.",
        )
    there = AURORA.copies - len(_at(found, sent).down)
    if AURORA.can_write(there):
        raise Mistake(
            "four-were-left",
            f"When measurement 2 was sent, {there} storage nodes were there.",
            "It is sent to three.",
        )
    back = next((moment for moment in found if moment.at > sent and len(moment.down) <= 2), None)
    if back is None:
        raise Mistake("still-waits", "No storage node has come back since.", "A fourth storage node.")
    asked = {
        host: [item for item in region.connections(cluster[host]) if sent < item.at < back.at]
        for host in ("Endpoint", "ReaderEndpoint")
    }
    if not all(asked.values()):
        silent = "writer" if not asked["Endpoint"] else "reader"
        raise Mistake(
            "nobody-read",
            f"While measurement 2 waited, nobody connected to the {silent} endpoint.",
            "A question to both endpoints while it waits.",
        )
    if back.message.startswith("AZ"):
        raise Mistake("the-whole-az", f"What came back first: {back.message}", "One storage node.")
    readers = sorted({item.instance for items in asked.values() for item in items})
    return Passed(
        f"Measurement 2 was sent to {there} nodes, and waited {(back.at - sent).total_seconds():.1f} s for a fourth. "
        f"Meanwhile {names(readers)} answered."
    )


@dataclass(frozen=True, slots=True)
class _Series:
    """One run of `pace`, as its rows show it."""

    commits: int
    since: datetime
    until: datetime
    middle: float
    """Milliseconds from one commit to the next: the median, and the most."""
    longest: float


@exercise(
    "04.3",
    "Three runs",
    hints=hints.SLOW,
    wrong=wrong.SLOW,
    prediction=Prediction(
        "abc",
        "b",
        "Four answers make a commit, and five nodes are quick. Only when there are no more than four must each of "
        "them be waited for.",
    ),
)
def check_slow(region: RegionView, _evidence: Evidence) -> Passed:
    """Rows of three runs: with nothing wrong, with b1 hanging again and again, and that without a spare node."""
    the_cluster(region)
    found, runs = moments(region), _series(region)
    missing = [name for name in SERIES if name not in runs]
    if missing:
        raise Mistake(
            "no-run",
            f"The table `pace` has no rows of the run `{missing[0]}`.",
            f"Three runs: {', '.join(SERIES)}.",
        )
    states = {
        name: [moment.down for moment in during(found, run.since, run.until)] for name, run in runs.items()
    }
    if any(states["well"]):
        raise Mistake(
            "not-well",
            f"During `well` these were down: {names(frozenset().union(*states['well']))}.",
            "The first run has all six nodes.",
            "`mend()`, then the first run again.",
        )
    for name in SERIES[1:]:
        if not any(SLOW in down for down in states[name]):
            raise Mistake(
                "nothing-slow",
                f"During `{name}` {SLOW} never hung.",
                f"The run stands under `with slow({SLOW!r}):`.",
            )
    if not all(len(down - {SLOW}) == 2 for down in states["no_spare"]):
        fewest = min(len(down - {SLOW}) for down in states["no_spare"])
        raise Mistake(
            "still-a-spare",
            f"During `no_spare`, {fewest} nodes besides {SLOW} were down.",
            "Two, all the time.",
        )
    left = down_now(region)
    if left:
        raise Mistake("left-hanging", f"Still down: {names(left)}.", "All six storage nodes.")
    told = [
        f"{name}: {run.commits} commits, mostly {run.middle:.1f} ms apart, once {run.longest:.0f} ms"
        for name, run in ((name, runs[name]) for name in SERIES)
    ]
    return Passed(f"{'; '.join(told)}.")


@exercise(
    "04.4",
    "Compute it",
    hints=hints.PGCL,
    wrong=wrong.PGCL,
    variables=("mine", "others"),
    prediction=Prediction(
        "abc",
        "c",
        "The PGCL is the highest position that four of six have reached, the fourth largest SCL [2.23].",
    ),
)
def check_pgcl(region: RegionView, evidence: Evidence) -> Passed:
    """The function applied to four sets of SCLs, one of them that of the nodes as they are."""
    the_cluster(region)
    mine, others = number(evidence, "mine"), numbers(evidence, "others")
    seen = (
        f"For {SETS[1]} the function gives {others[1]:g}."
        if len(others) == len(SETS)
        else f"`others` is {others}."
    )
    rules = {
        "the-lowest": min,
        "the-highest": max,
        "only-three": lambda scls: sorted(scls)[3],
    }
    for name, rule in rules.items():
        if others == [rule(scls) for scls in SETS]:
            raise Mistake(name, seen, "The highest position that four have reached.")
    if others != [lsn.pgcl(scls) for scls in SETS]:
        raise Mistake(
            "other-rule",
            seen,
            "The highest position that four have reached.",
            "Sort the six by size, and count down to the fourth.",
        )
    if down_now(region) != PAUSED:
        raise Mistake(
            "not-paused",
            f"Down are: {names(down_now(region))}.",
            f"{names(PAUSED)} are paused.",
            "Run the cell that pauses them, then yours, then the check.",
        )
    nodes = dict(rows(region, "select storage_node, (scl - '0/0')::bigint from aurora_lab_storage_nodes()"))
    right = lsn.pgcl(nodes.values())
    # Of a node that has hung for a minute, the region knows only what its files show, to eight bytes.
    if abs(mine - right) > 16:
        raise Mistake(
            "other-moment",
            f"`mine` is {mine:.0f}.",
            f"The PGCL is {right} now.",
            "Run your cell again, then check.",
        )
    ahead = sorted(node for node, scl in nodes.items() if scl > right)
    return Passed(
        f"PGCL {right}: that is as far as {SLOW} has come. {names(ahead)} have more, and they are only {len(ahead)}."
    )


def _at(found: list[Moment], at: datetime) -> Moment:
    """How it stood at a point in time."""
    return [moment for moment in found if moment.at <= at][-1]


def _series(region: RegionView) -> dict[str, _Series]:
    query = """
        select series, count(*), extract(epoch from min(at))::float8, extract(epoch from max(at))::float8,
               coalesce(percentile_cont(0.5) within group (order by extract(epoch from gap)), 0)::float8 * 1000,
               coalesce(max(extract(epoch from gap)), 0)::float8 * 1000
        from (select series, at, at - lag(at) over (partition by series order by at) as gap from pace) each
        group by series
    """
    return {
        str(name): _Series(
            int(count),
            datetime.fromtimestamp(since).astimezone(),
            datetime.fromtimestamp(until).astimezone(),
            float(middle),
            float(longest),
        )
        for name, count, since, until, middle, longest in rows(region, query)
    }
