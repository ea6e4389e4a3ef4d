"""Lesson 04, the checks of rules and figures: VCL and VDL, quorums, repair, Table 1, the bill."""

from __future__ import annotations

from collections.abc import Callable

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView, SqlError
from aurora_lab.models import lsn
from aurora_lab.models.availability import Placement, Rates, lost_within, mean_time_to_loss
from aurora_lab.models.quorum import AURORA
from aurora_lab.models.write_path import (
    PAPER_IOS,
    PAPER_SECONDS,
    PAPER_TRANSACTIONS,
    Comparison,
    LogOnly,
)

from . import lesson_04_hints as hints
from . import lesson_04_wrong as wrong
from .lesson_04_looks import DATABASE, number, numbers, the_cluster, the_writer, told

Issued = list[tuple[int, object]]
Pgcls = dict[object, int]

CASES: list[tuple[Issued, Pgcls]] = [
    ([(101, 1), (102, 2), (103, 1), (104, 2), (105, 1), (106, 2)], {1: 103, 2: 104}),
    ([(7, "A"), (8, "A"), (9, "A")], {"A": 9, "B": 3}),
    ([(1, "A"), (2, "B"), (3, "A"), (4, "A")], {"A": 4, "B": 0}),
]
CUTS = [([900, 1000, 1100], 1007), ([20, 30], 30), ([5], 4)]
CANDIDATES = [
    (3, 2, 2),
    (3, 3, 1),
    (6, 4, 2),
    (6, 4, 3),
    (6, 4, 4),
    (6, 5, 2),
    (9, 5, 5),
    (9, 6, 4),
    (12, 6, 7),
]
SIZES = [1, 10, 100, 1000, 10000]
"""Gigabytes of a segment."""
LIMIT = 1e-8
DOLLARS = 10.0
"""100 GB at $0.10 (FACTS 8.1)."""
LOADED = """select pg_total_relation_size('history') / 1e6::float8
  * count(*) filter (where at = (select max(at) from history)) / nullif(count(*), 0) from history"""
"""MB of the last load: who loads again measures that load, not the table."""


@exercise(
    "04.5",
    "Find two mistakes",
    hints=hints.RULES,
    wrong=wrong.RULES,
    variables=("vcls", "vdls"),
    prediction=Prediction(
        "abc",
        "b",
        "104 is covered by its own group's PGCL, and so is every record below; 105 is not. It is the example of the "
        "2018 paper, and neither the minimum nor the maximum of the PGCLs in general [2.25].",
    ),
)
def check_rules(_region: RegionView, evidence: Evidence) -> Passed:
    """Both functions applied to cases in which the usual mistakes give something else."""
    vcls, vdls = numbers(evidence, "vcls"), numbers(evidence, "vdls")
    seen, expected = f"VCL: {_plain(vcls)}.", "The VCL of the three cases."
    for name, rule in {
        "the-minimum": lambda _, pgcls: min(pgcls.values()),
        "the-maximum": lambda _, pgcls: max(pgcls.values()),
        "one-too-far": _first_uncovered,
    }.items():
        if vcls == [rule(*case) for case in CASES]:
            raise Mistake(name, seen, expected)
    right = [lsn.vcl(*case) for case in CASES]  # type: ignore[arg-type]
    if vcls != right:
        raise Mistake(
            "other-vcl",
            seen,
            expected,
            "Walk through the records in order, and stop at the first that its own group does not cover.",
        )
    seen, expected = f"VDL: {_plain(vdls)}.", "The VDL of the three cases."
    if vdls == [max(cpls) for cpls, _ in CUTS]:
        raise Mistake("above-the-vcl", seen, expected)
    if vdls == [max((cpl for cpl in cpls if cpl < complete), default=0) for cpls, complete in CUTS]:
        raise Mistake("strictly-below", seen, expected)
    if vdls != [lsn.vdl(cpls, complete) for cpls, complete in CUTS]:
        raise Mistake(
            "other-vdl", seen, expected, "Of the CPLs up to the VCL, the highest; 0 where there is none."
        )
    return Passed(f"VCL: {_plain(vcls)}; VDL: {_plain(vdls)}.")


def _first_uncovered(issued: Issued, pgcls: Pgcls) -> int:
    return next((at for at, group in issued if at > pgcls[group]), issued[-1][0])


@exercise(
    "04.6",
    "Choose by four rules",
    hints=hints.CANDIDATES,
    wrong=wrong.CANDIDATES,
    variables=("kept",),
    prediction=Prediction(
        "abc",
        "b",
        "One copy is left, and a quorum of two needs two. Six copies still have three, and can read and repair [1.5].",
    ),
)
def check_candidates(_region: RegionView, evidence: Evidence) -> Passed:
    """What the learner's rule keeps; each rule left out keeps something else."""
    try:
        kept = {(int(v), int(vw), int(vr)) for v, vw, vr in need(evidence, "kept")}
    except (TypeError, ValueError):
        raise Mistake(
            "not-candidates",
            "`kept` is no list of candidates.",
            "Some of CANDIDATES.",
            "`good` returns True or False.",
        ) from None
    seen = f"Kept: {', '.join(map(str, sorted(kept))) or 'none'}."
    right = _kept()
    if kept == right:
        return Passed(f"{seen} The fewest copies: {min(kept)[0]}, of which a write needs {min(kept)[1]}.")
    for name, left_out in {
        "reads-miss-writes": 0,
        "writes-miss-writes": 1,
        "no-writes-without-an-az": 2,
        "no-reads-at-an-az-and-one": 3,
    }.items():
        if kept == _kept(left_out):
            raise Mistake(name, seen, "Those that keep all four rules.")
    if kept in (_kept(2, _MORE[0]), _kept(3, _MORE[1])):
        raise Mistake("more-than-enough", seen, "Those that keep all four rules.")
    raise Mistake(
        "other-candidates",
        seen,
        "Those that keep all four rules.",
        "Test the function by hand: `good(6, 4, 3)` keeps all four, and `good(3, 2, 2)` only three of them.",
    )


_Rule = Callable[[int, int, int], bool]
_RULES: tuple[_Rule, ...] = (
    lambda v, vw, vr: vr + vw > v,
    lambda v, vw, _: 2 * vw > v,
    lambda v, vw, _: v - v // 3 >= vw,
    lambda v, _, vr: v - v // 3 - 1 >= vr,
)
_MORE: tuple[_Rule, ...] = (lambda v, vw, _: v - v // 3 > vw, lambda v, _, vr: v - v // 3 - 1 > vr)
"""Rules 3 and 4, written with `>`."""


def _kept(left_out: int | None = None, *instead: _Rule) -> set[tuple[int, int, int]]:
    """The candidates that keep the rules, all but one of them, or another in its place."""
    asked = [rule for at, rule in enumerate(_RULES) if at != left_out] + list(instead)
    return {each for each in CANDIDATES if all(rule(*each) for rule in asked)}


@exercise(
    "04.7",
    "Measure a repair, and choose a size",
    hints=hints.REPAIR,
    wrong=wrong.REPAIR,
    variables=("seconds", "segment"),
    prediction=Prediction(
        "abc",
        "c",
        "The storage repairs itself: a failed segment is rebuilt from the other copies [1.14].",
    ),
)
def check_repair(region: RegionView, evidence: Evidence) -> Passed:
    """b1 was destroyed and rebuilt; its time as the event log has it; and the size that the model allows."""
    the_cluster(region)
    events = [(at, text) for at, text in told(region) if text.startswith("Storage node b1 ")]
    destroyed = [at for at, text in events if text.endswith("destroyed.")]
    if not destroyed:
        kind = "killed-only" if any(text.endswith("killed.") for _, text in events) else "not-destroyed"
        raise Mistake(
            kind,
            "The event log does not say that `b1` was destroyed.",
            "`b1` has lost its copy.",
            'The fault has three words: `"storage-node", "b1", "destroy"`.',
        )
    rebuilt = [(at, text) for at, text in events if "has been rebuilt from" in text and at > destroyed[-1]]
    if not rebuilt:
        raise Mistake(
            "not-rebuilt",
            "`b1` has been destroyed, and is not rebuilt yet.",
            "It is rebuilt.",
            "Wait a moment, and run your cell again.",
        )
    seconds, segment = number(evidence, "seconds"), number(evidence, "segment")
    # On a loaded machine a repair may be done twice; the learner has seen one of them.
    took = min(
        ((at - destroyed[-1]).total_seconds() for at, _ in rebuilt), key=lambda each: abs(each - seconds)
    )
    if abs(seconds - took) > 0.1:
        raise Mistake("other-time", f"`seconds` is {seconds:g}.", f"By the event log it took {took:.1f} s.")
    chances = {size: _risk(size) for size in SIZES}
    seen, expected = f"`segment` is {segment:g} GB.", "The largest size whose risk is under 1 in 100 million."
    if segment == max(SIZES):
        raise Mistake("the-largest", seen, expected)
    if segment == min(SIZES):
        raise Mistake("the-smallest", seen, expected)
    if segment != max(size for size, chance in chances.items() if chance < LIMIT):
        raise Mistake(
            "other-size", seen, expected, "Print `risk(size)` for each of `sizes`, and compare with 1e-8."
        )
    who = rebuilt[0][1].removesuffix(".").rpartition(" ")[2]
    return Passed(
        f"{who} gave b1 its copy after {took:.1f} s. In the model, segments of {segment:g} GB lose their read quorum "
        f"with a chance of 1 in {1 / chances[int(segment)]:,.0f}."
    )


def _risk(gigabytes: float) -> float:
    """The chance that a group without one AZ loses its read quorum in 6 hours; 10 GB in 10 s (FACTS 2.3)."""
    rates = Rates(copy_mttf=8766, copy_mttr=gigabytes / 3600, az_mttf=1e15, az_mttr=1)
    return lost_within(6, mean_time_to_loss(AURORA.read, Placement((2, 2)), rates))


@exercise(
    "04.8",
    "The ratios of Table 1",
    hints=hints.TABLE_1,
    wrong=wrong.TABLE_1,
    variables=("faster", "at_database", "at_a_node", "most"),
    prediction=Prediction(
        "abc",
        "c",
        "0.95 I/Os a transaction against 7.4 [2.1]: only log crosses the network, and no page is ever written [2.32].",
    ),
)
def check_table_1(_region: RegionView, evidence: Evidence) -> Passed:
    """The paper's three ratios, and what the model says of more copies."""
    paper = Comparison(PAPER_IOS["mirrored MySQL"], PAPER_IOS["Aurora"])
    speed = PAPER_TRANSACTIONS["Aurora"] / PAPER_TRANSACTIONS["mirrored MySQL"]
    given = {name: number(evidence, name) for name in ("faster", "at_database", "at_a_node", "most")}
    wanted = {"faster": speed, "at_database": paper.at_the_database, "at_a_node": paper.at_a_storage_node}
    for name, right in wanted.items():
        value = given[name]
        if abs(value - right) <= 0.02 * right:
            continue
        expected = "As many times, by the figures of the table."
        if value and abs(1 / value - right) <= 0.02 * right:
            raise Mistake("upside-down", f"`{name}` is {value:.3g}.", expected)
        if name == "at_a_node" and abs(value - paper.at_the_database / AURORA.copies) < 0.1:
            raise Mistake("divided", f"`{name}` is {value:.3g}.", expected)
        raise Mistake(
            "other-ratio",
            f"`{name}` is {value:.4g}.",
            expected,
            "The larger figure divided by the smaller one; for one storage node, 0.95 is first divided by 6.",
        )
    rate = PAPER_TRANSACTIONS["Aurora"] / PAPER_SECONDS
    sent = {copies: LogOnly(copies=copies).ios(rate).total for copies in range(1, 100)}
    most = max(copies for copies, ios in sent.items() if ios < PAPER_IOS["mirrored MySQL"])
    if given["most"] == most + 1:
        raise Mistake("one-too-many", f"`most` is {most + 1}.", "The last that sends less than 7.4.")
    if given["most"] != most:
        raise Mistake(
            "other-most",
            f"`most` is {given['most']:g}.",
            "The last that sends less than 7.4.",
            "Try `LogOnly(copies=n).ios(RATE).total` for several n; it grows with n.",
        )
    return Passed(
        f"{given['faster']:.1f} times the transactions, {given['at_database']:.1f} times fewer I/Os at the database, "
        f"{given['at_a_node']:.0f} times fewer at a node. Even {most} copies would be fewer I/Os than MySQL's."
    )


@exercise(
    "04.9",
    "Ask CloudWatch",
    hints=hints.BILL,
    wrong=wrong.BILL,
    variables=("before", "after", "dollars"),
    prediction=Prediction(
        "abc",
        "c",
        "One copy is billed, not six [8.1]. And six there are of the log only, three of the pages [2.57].",
    ),
)
def check_bill(region: RegionView, evidence: Evidence) -> Passed:
    """What was loaded is what the metric has grown by; and one copy is what is paid."""
    dollars = number(evidence, "dollars")
    for name, times in {"six-times": AURORA.copies, "three-times": 3}.items():
        if dollars == times * DOLLARS:
            raise Mistake(name, f"`dollars` is {dollars:g}.", "What 100 GB cost in a month.")
    if abs(dollars - DOLLARS) > 0.005:
        raise Mistake(
            "other-price",
            f"`dollars` is {dollars:g}.",
            "What 100 GB cost in a month.",
            "100 GB at 0.10 dollars each.",
        )
    writer = the_writer(the_cluster(region))
    try:
        ((size,),) = region.sql(writer, LOADED, database=DATABASE)
    except SqlError as error:
        if error.sqlstate != "42P01":
            raise
        raise Mistake(
            "not-loaded", "There is no table `history`.", "The table that `$LOAD` makes."
        ) from error
    if size is None:
        raise Mistake("not-loaded", "The table `history` is empty.", "The rows that `$LOAD` adds.")
    before, after = number(evidence, "before"), number(evidence, "after")
    if after - before < size / 2:
        raise Mistake(
            "too-early",
            f"The metric says {before:g} MB before and {after:g} MB after; the load has {size:.1f} MB.",
            "It has grown.",
            "CloudWatch is late. Wait, and ask again with `after = used()`.",
        )
    if after - before > 2 * size:
        raise Mistake(
            "more-than-that",
            f"The metric has grown by {after - before:.1f} MB; the load has {size:.1f} MB.",
            "It grows by what is loaded.",
            "What else has been written meanwhile? Wait a minute, and run the cell again.",
        )
    return Passed(
        f"The load has {size:.1f} MB, and the volume has grown by {after - before:.1f} MB: once, not six times. "
        f"100 GB are ${dollars:.2f} a month."
    )


def _plain(found: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in found) or "nothing"
