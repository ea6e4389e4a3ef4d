"""Lesson 09: what is computed: the cluster's own bill, the break-even, a tool's mistakes, four surprises, a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView
from aurora_lab.models.billing import bill
from aurora_lab.models.break_even import BreakEven, break_even
from aurora_lab.models.curves import Curve
from aurora_lab.models.plan import read_plan
from aurora_lab.models.plan_table import PlanError
from aurora_lab.models.price_book import PriceBookError, price_book
from aurora_lab.models.usage import NOTHING, ClusterUsage

from . import lesson_09_hints as hints
from . import lesson_09_wrong as wrong
from .lesson_09_looks import (
    CLUSTER,
    MILLION,
    MONTH,
    amounts,
    dollars,
    io_price,
    near,
    number,
    numbers,
    price,
    the_writer,
)

LARGE, XLARGE = "db.r6g.large", "db.r6g.xlarge"
CLUSTERS = (
    'storage_gb = 150\ninstances = [ { class = "db.r6g.2xlarge", count = 2 } ]',
    'storage_gb = 10_000\ninstances = [ { class = "db.r6g.large" } ]',
    "serverless = [ { acu = 8 } ]",
)
DESIGNS = (
    (0.26, 1, 0, 0, False),
    (0.26, 2, 100, 500_000_000, False),
    (0.26, 2, 100, 500_000_000, True),
    (0.519, 1, 2_000, 9_000_000_000, True),
)
GIB = {
    "t3.medium": 4,
    "t4g.medium": 4,
    "t4g.large": 8,
    "large": 16,
    "xlarge": 32,
    "2xlarge": 64,
    "4xlarge": 128,
}
"""Memory of the classes of the price book."""
NEEDED_GIB = 16
DAY, NIGHT = range(8, 18), (*range(8), *range(18, 24))


@exercise(
    "09.6",
    "Add it up, before you look",
    hints=hints.SUM,
    wrong=wrong.SUM,
    variables=("used", "mine"),
    prediction=Prediction(
        "abc",
        "a",
        "Instances cost by the hour, whatever they do. Two `db.r6g.large` are 0.52 dollars an "
        "hour [8.16]; at 0.20 a million [8.4] that is some 700 I/Os a second, all the time.",
    ),
)
def check_sum(region: RegionView, evidence: Evidence) -> Passed:
    """The parts of the bill, from quantities that the region has counted."""
    the_writer(region)
    used = amounts(evidence, "used", LARGE, XLARGE, "volume", "page reads", "log writes")
    metered = region.metered(CLUSTER)
    assert metered is not None, "its writer is there"
    now = {
        line.what: float(line.quantity) for line in bill(price_book(), metered.usage, 0, metered.end).lines
    }
    for name, quantity in used.items():
        counted = now.get(name, 0.0) * (MILLION if name.endswith(("reads", "writes")) else 1)
        if not 0 < quantity <= counted * 1.05:
            raise Mistake(
                "other-quantity",
                f"`used[{name!r}]` is {quantity:g}; the region has counted {counted:g}.",
                "Quantities as the region has counted them.",
                "Run `used = quantities()` again, then your cell.",
            )
    mine = amounts(evidence, "mine", "compute", "storage", "I/O")
    one, other, ios = price(f"instance.{LARGE}"), price(f"instance.{XLARGE}"), io_price()
    right = {
        "compute": used[LARGE] * one + used[XLARGE] * other,
        "storage": used["volume"] * price("storage.standard"),
        "I/O": (used["page reads"] + used["log writes"]) * ios,
    }
    slips = {
        "one-class": ("compute", used[LARGE] * one),
        "six-copies": ("storage", 6 * right["storage"]),
        "a-million-each": ("I/O", right["I/O"] * MILLION),
        "reads-only": ("I/O", used["page reads"] * ios),
    }
    for name, (part, slip) in slips.items():
        if near(mine[part], slip):
            raise Mistake(name, f"`mine[{part!r}]` is {dollars(mine[part])}.", "Each part at its price.")
    for part, amount in right.items():
        if not near(mine[part], amount):
            raise Mistake(
                "other-sum",
                f"`mine[{part!r}]` is {dollars(mine[part])}.",
                "Each quantity, times its price.",
                "Compute this part again from `used` and the prices at the top of the lesson.",
            )
    whole = sum(right.values())
    return Passed(", ".join(f"{part} {amount / whole:.1%}" for part, amount in right.items()) + ".")


@exercise(
    "09.7",
    "Compute the crossing",
    hints=hints.CROSSING,
    wrong=wrong.CROSSING,
    variables=("crossings", "shares"),
    prediction=Prediction(
        "abc",
        "c",
        "I/O-Optimized storage costs 2.25 times as much. With much data and a small instance that is nearly all of "
        "the difference: with storage only, the share would be 55.6 % [8.37].",
    ),
)
def check_crossing(_region: RegionView, evidence: Evidence) -> Passed:
    """The learner's function on three clusters, against both bills of each."""
    found = numbers(evidence, "crossings", len(CLUSTERS))
    shares = numbers(evidence, "shares", len(CLUSTERS))
    pairs = [break_even(price_book(), _cluster(text), 0, MONTH) for text in CLUSTERS]
    seen = f"Crossings: {', '.join(f'{each:,.0f}' for each in found)} I/Os a month."
    expected = "For each cluster the I/Os at which both bills are the same."
    slips: dict[str, Callable[[BreakEven], Fraction]] = {
        "instances-only": lambda pair: pair.io_spend - pair.terms.get("storage", 0),
        "a-quarter": lambda pair: pair.rest / 4,
        "all-of-it": lambda pair: pair.io_optimized.total,
        "in-millions": lambda pair: pair.io_spend / MILLION,
        "in-dollars": lambda pair: pair.io_spend * pair.io_price,
    }
    for name, slip in slips.items():
        if all(
            near(each, float(slip(pair) / pair.io_price)) for each, pair in zip(found, pairs, strict=True)
        ):
            raise Mistake(name, seen, expected, "The unit is one I/O: dollars divided by `IO`.")
    if not all(near(each, float(pair.ios)) for each, pair in zip(found, pairs, strict=True)):
        raise Mistake(
            "other-crossing",
            seen,
            expected,
            "Dollars that I/O-Optimized costs more in a month, divided by `IO`.",
        )
    seen = f"Shares: {', '.join(f'{each:.3f}' for each in shares)}."
    expected = "I/O as a share of the whole Standard bill, I/O included."
    if all(near(each, float(pair.io_spend / pair.rest)) for each, pair in zip(shares, pairs, strict=True)):
        raise Mistake("share-of-the-rest", seen, expected)
    if not all(near(each, float(pair.share)) for each, pair in zip(shares, pairs, strict=True)):
        raise Mistake(
            "other-share", seen, expected, "From 0 to 1: I/O, divided by instances + storage + I/O."
        )
    told = ", ".join(f"{float(pair.share):.1%} ({pair.driver})" for pair in pairs)
    return Passed(f"{found[0] / 1e9:.3f} billion I/Os for the first. Shares, and what drives them: {told}.")


def _cluster(text: str) -> ClusterUsage:
    usage = read_plan(f"[cluster]\n{text}\n").cluster
    assert usage is not None
    return usage


@exercise("09.8", "Find the mistakes", hints=hints.TOOL, wrong=wrong.TOOL, variables=("totals",))
def check_tool(_region: RegionView, evidence: Evidence) -> Passed:
    """The mended function on four designs."""
    totals = numbers(evidence, "totals", len(DESIGNS))
    seen = f"Totals: {', '.join(dollars(each) for each in totals)}."
    expected = "What each of the four designs costs a month."
    if all(map(near, totals, _totals())):
        return Passed(seen)
    for name, rules in {
        "as-it-was": {"always": True, "io": True},
        "io-always": {"io": True},
        "always-dearer": {"always": True},
        "never-dearer": {"never": True},
    }.items():
        if all(map(near, totals, _totals(**rules))):
            raise Mistake(name, seen, expected)
    raise Mistake(
        "other-totals",
        seen,
        expected,
        f"The first should be {dollars(0.26 * MONTH)}. Compute the others by hand.",
    )


def _totals(*, always: bool = False, never: bool = False, io: bool = False) -> list[float]:
    """What the designs cost; or with a mistake."""
    found = []
    for hourly, count, gb, ios, optimized in DESIGNS:
        factor = 1.30 if (optimized or always) and not never else 1.0
        storage = price("storage.io-optimized" if optimized else "storage.standard")
        spent = ios * io_price() if io or not optimized else 0.0
        found.append(hourly * factor * count * MONTH + gb * storage + spent)
    return found


@exercise(
    "09.9",
    "What could each save?",
    hints=hints.FOUR,
    wrong=wrong.FOUR,
    variables=("save",),
    prediction=Prediction(
        "abc",
        "b",
        "Readers in tier 0 or 1 follow the writer, so that they can take over at once [5.8]; and tier 1 is the "
        "default [5.9]. Two of them make the compute three times as much.",
    ),
)
def check_four(_region: RegionView, evidence: Evidence) -> Passed:
    """Four amounts, each against the price book."""
    save = amounts(evidence, "save", "A", "B", "C", "D")
    backup, acu = price("backup"), price("acu.standard")
    vcpu, across = price("support.years-1-2.vcpu"), price("transfer.cross-az")
    right = {
        "A": 1095 * 500 * backup,
        "B": 2 * 8 * vcpu * MONTH,
        "C": 2 * (6 - 0.5) * acu * MONTH,
        "D": 10_000 * across,
    }
    slips = (
        ("incremental", "A", 500 * backup),
        ("by-the-instance", "B", 2 * vcpu * MONTH),
        ("writer-only", "B", 8 * vcpu * MONTH),
        ("all-of-the-readers", "C", 2 * 6 * acu * MONTH),
        ("one-way", "D", 5_000 * across),
    )
    for name, team, slip in slips:
        if near(save[team], slip):
            raise Mistake(name, f"{team}: {dollars(save[team])} a month.", "What is billed, by its unit.")
    for team, amount in right.items():
        if not near(save[team], amount):
            raise Mistake(
                "other-amount",
                f"{team}: {dollars(save[team])} a month.",
                "What is billed, by its unit.",
                f"Compute {team} again: how many of which unit, for 730 hours or for a month?",
            )
    return Passed(", ".join(f"{team} {dollars(amount)}" for team, amount in right.items()) + " a month.")


@exercise(
    "09.10",
    "Choose, and say by how much",
    points=2,
    hints=hints.PLAN,
    wrong=wrong.PLAN,
    variables=("plan", "better_storage", "better_instances"),
)
def check_plan(_region: RegionView, evidence: Evidence) -> Passed:
    """The plan does what was asked for, nothing does it for less, and both differences are right."""
    text = need(evidence, "plan")
    try:
        usage = read_plan(str(text), "`plan`").cluster
        if usage is None:
            raise PlanError("`plan` has no [cluster].")
        cost = bill(price_book(), usage, 0, MONTH).total
    except (PlanError, PriceBookError) as error:
        raise Mistake(
            "no-plan", str(error), "A plan that can be priced.", "Mend what the sentence says."
        ) from error
    _does_it(usage)
    best = break_even(price_book(), _wanted(), 0, MONTH).io_optimized.total
    seen = f"The plan costs {dollars(float(cost))} a month."
    if float(cost - best) > 1:
        expected = "The cheapest of the four that do it."
        if usage.serverless:
            raise Mistake("serverless", seen, expected)
        if not usage.io_optimized.at(0):
            raise Mistake("standard-storage", seen, expected)
        raise Mistake("dearer", seen, expected, "Two instances of the smallest class with 16 GiB are enough.")
    standard = bill(price_book(), replace(usage, io_optimized=NOTHING), 0, MONTH).total
    followed = bill(
        price_book(), replace(_wanted(serverless=True), io_optimized=Curve.constant(1)), 0, MONTH
    ).total
    for name, other in (("better_storage", standard), ("better_instances", followed)):
        told, right = number(evidence, name), float(other - cost)
        if near(told, float(other)):
            raise Mistake("a-total", f"`{name}` is {dollars(told)}.", "A difference of two totals.")
        if not near(told, right, 0.03):
            raise Mistake(
                "other-difference",
                f"`{name}` is {dollars(told)}.",
                "The total of the other plan, less the total of yours.",
                "Change this one thing in your plan, nothing else, and subtract.",
            )
    return Passed(
        f"{seen} Standard: {dollars(float(standard - cost))} more. Serverless: {dollars(float(followed - cost))} more."
    )


def _wanted(serverless: bool = False) -> ClusterUsage:
    """What was asked for, with either kind of instances."""
    pair = (
        "serverless = [ { count = 2, capacity = [[0, 1], [8, 8], [18, 1]], repeat_hours = 24 } ]"
        if serverless
        else 'instances = [ { class = "db.r6g.large", count = 2 } ]'
    )
    return _cluster(
        f"storage_gb = 300\npage_reads = 1_500_000_000\nlog_writes = 500_000_000\nbackup_retention_days = 7\n"
        f"backup_gb = 300\nsnapshots = [ {{ gb = 300, count = 12 }} ]\n{pair}"
    )


def _does_it(usage: ClusterUsage) -> None:
    """Raises Mistake where something that was asked for is not in the plan."""
    wanted = _wanted()
    parts = {
        "storage_gb": (usage.volume, wanted.volume),
        "page_reads": (usage.reads, wanted.reads),
        "log_writes": (usage.writes, wanted.writes),
        "backup_gb": (usage.backups, wanted.backups),
        "snapshots": (usage.snapshots, wanted.snapshots),
    }
    missing = [
        name for name, (found, asked) in parts.items() if found is None or asked is None or found != asked
    ]
    if usage.retention_days != wanted.retention_days:
        missing.append(f"backup_retention_days (asked: {wanted.retention_days})")
    if missing:
        raise Mistake(
            "left-out",
            f"Not as it was asked for: {', '.join(missing)}.",
            "All that the parcel service needs.",
        )
    always = [item for item in usage.instances if item.spans[0].end in (None, MONTH)]
    if len(always) < len(usage.instances):
        raise Mistake(
            "not-all-month",
            f"{len(usage.instances) - len(always)} instances are there for a part of the month.",
            f"The same two all the time, {MONTH} hours: this is a choice between two pairs.",
            "Leave `hours` out of `instances`.",
        )
    large = [item for item in always if _gib(item.spans[0].size) >= NEEDED_GIB]
    follow = [
        item
        for item in usage.serverless
        if item.capacity is not None
        and all(item.capacity.at(hour) >= NEEDED_GIB / 2 for hour in DAY)
        and all(item.capacity.at(hour) >= 1 for hour in NIGHT)
    ]
    if len(large) + len(follow) < 2:
        raise Mistake(
            "one-instance",
            f"{len(large) + len(follow)} of its instances have 16 GiB by day.",
            "A writer and a reader, each with 16 GiB: one alone has nobody to take over.",
        )


def _gib(size: str) -> int:
    """The memory of an instance class."""
    kind = size.removeprefix("db.")
    return GIB.get(kind, GIB.get(kind.partition(".")[2], 0))
