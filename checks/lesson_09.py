"""Lesson 09, the cost model: what is measured on the cluster. What is computed stands in the file beside."""

from __future__ import annotations

from collections import Counter

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise
from aurora_lab.course.region_view import RegionView
from aurora_lab.models.usage import MINIMUM_HOURS

from . import lesson_09_hints as hints
from . import lesson_09_wrong as wrong
from .lesson_09_looks import (
    CLUSTER,
    MILLION,
    MONTH_SECONDS,
    amounts,
    dollars,
    indexes,
    io_price,
    near,
    number,
    numbers,
    rows,
    the_writer,
)
from .lesson_09_money import check_crossing, check_four, check_plan, check_sum, check_tool

__all__ = ["check_crossing", "check_four", "check_plan", "check_sum", "check_tool"]

SIZE = "db.r6g.xlarge"
SCANS = 300
ADDRESS, NOTE = "(address", "(note"
"""How the definition of an index goes on after its method."""
UNDELIVERED = 5000
"""Of those that are loaded."""
SMALL_BYTES = 8_000_000
"""The loaded table has three times as much."""
LEAST_READS = 100
"""The loaded table has more pages than this beyond the cache."""


@exercise(
    "09.1",
    "Add it, and remove it",
    hints=hints.SHORT,
    wrong=wrong.SHORT,
    variables=("minutes",),
    prediction=Prediction(
        "abc",
        "b",
        "Billing is by the second, with a minimum of ten minutes after each create, start or change of class [8.34].",
    ),
)
def check_short(region: RegionView, evidence: Evidence) -> Passed:
    """Instances of the larger class were there, are gone, and the bill was read."""
    the_writer(region)
    metered = region.metered(CLUSTER)
    spans = [
        span
        for instance in (metered.usage.instances if metered else ())
        for span in instance.spans
        if span.size == SIZE
    ]
    if not spans:
        raise Mistake(
            "never-there",
            f"The cluster has never had an instance of class {SIZE}.",
            f"One that was there, and is deleted again. Its class is {SIZE}.",
        )
    if any(span.end is None for span in spans):
        raise Mistake("still-there", f"An instance of class {SIZE} is still there.", "It is deleted.")
    assert metered is not None
    told = number(evidence, "minutes")
    right = float(60 * sum(span.billed(metered.start, metered.end) for span in spans))
    lived = float(60 * sum((span.end or metered.end) - span.start for span in spans))
    if not near(told, right, 0.02):
        seen, expected = f"`minutes` is {told:.4g}.", "The minutes that are billed for this class."
        if near(told * 60, right, 0.02):
            raise Mistake("in-hours", seen, expected)
        if told < float(60 * MINIMUM_HOURS):
            raise Mistake("its-life", seen, expected)
        raise Mistake(
            "other-minutes",
            seen,
            expected,
            'Read the bill after the instance is gone: `hours("db.r6g.xlarge")`.',
        )
    there = f"{lived:.1f}" if lived >= 0.1 else "less than 0.1"
    return Passed(
        f"It was there for {there} lab minutes. Billed are {right:.1f}: 10 at least, for each of {len(spans)}."
    )


@exercise(
    "09.2",
    "One by one, or all in one",
    hints=hints.WRITES,
    wrong=wrong.WRITES,
    variables=("single", "batch", "month"),
    prediction=Prediction(
        "abc",
        "b",
        "A commit alone is at least one unit of 4 KB, however short it is; records that go together share "
        "units [8.31].",
    ),
)
def check_writes(region: RegionView, evidence: Evidence) -> Passed:
    """Rows of both ways, and in how many transactions they came; then the price."""
    found = Counter[tuple[str, str]]()
    for way, transaction, count in rows(region, "select way, xmin::text, count(*) from scan group by 1, 2"):
        found[str(way), str(transaction)] = int(count)
    alone = sum(1 for (way, _), count in found.items() if way == "single" and count == 1)
    largest = max((count for (way, _), count in found.items() if way == "batch"), default=0)
    if not found:
        raise Mistake(
            "no-scans",
            "The table `scan` is empty.",
            f"{SCANS} scans of each way.",
            'Begin with `billed(*scans("single"))`: it runs the statements, and says what they cost.',
        )
    if alone < SCANS:
        raise Mistake(
            "one-transaction",
            f"{alone} scans `single` came in a transaction of their own.",
            f"{SCANS}: each statement is a transaction.",
        )
    if largest < SCANS:
        raise Mistake(
            "committed-each",
            f"The largest transaction of `batch` has {largest} scans.",
            f"One transaction with all {SCANS}.",
        )
    single, batch = number(evidence, "single"), number(evidence, "batch")
    if single < SCANS * 0.9 or batch > single / 5:
        raise Mistake(
            "not-the-writes",
            f"`single` is {single:g}, `batch` is {batch:g}.",
            "The log writes of both ways.",
            "`billed` returns two numbers, page reads and log writes: keep the second.",
        )
    month = amounts(evidence, "month", "single", "batch")
    for way, writes in (("single", single), ("batch", batch)):
        right = writes * MONTH_SECONDS * io_price()
        seen = f"`month[{way!r}]` is {dollars(month[way])}."
        expected = f"{writes:g} writes a second, for 730 hours, at ${io_price() * MILLION:.2f} a million."
        if near(month[way], writes * io_price()):
            raise Mistake("one-second", seen, expected)
        if near(month[way], right * MILLION):
            raise Mistake("a-million-each", seen, expected)
        if not near(month[way], right):
            raise Mistake(
                "other-price", seen, expected, "A month has 730 × 3600 seconds; `IO` is for one I/O."
            )
    return Passed(
        f"{single:g} log writes one by one, {batch:g} together: {dollars(month['single'])} or "
        f"{dollars(month['batch'])} a month."
    )


@exercise(
    "09.3",
    "Mend it",
    hints=hints.READS,
    wrong=wrong.READS,
    variables=("before", "after", "saved"),
    prediction=Prediction(
        "abc",
        "b",
        "The table does not fit the cache, so each scan fetches again what is not there. Of the result's size the "
        "bill knows nothing: a read is a page [8.30].",
    ),
)
def check_reads(region: RegionView, evidence: Evidence) -> Passed:
    """The query uses an index now; it was measured without and with it."""
    plan = " ".join(
        str(line) for (line,) in rows(region, "explain select id from parcel where address = 'Lane 17'")
    )
    if "Index" not in plan:
        more = {name: on for name, on in indexes(region).items() if not name.endswith("pkey")}
        seen = f"The query still reads the whole table. Indexes: {', '.join(more) or 'only the primary key'}."
        raise Mistake("other-column" if more else "no-index", seen, "The query finds its row by an index.")
    before, after = number(evidence, "before"), number(evidence, "after")
    if before < LEAST_READS:
        raise Mistake(
            "measured-too-late", f"`before` is {before:g} page reads.", "What it was without the index."
        )
    if after > before / 10:
        raise Mistake(
            "not-after",
            f"`after` is {after:g} page reads, `before` was {before:g}.",
            "What it is with the index, the second time.",
            "The first time the index's own pages have to be fetched. Run it twice.",
        )
    saved, right = number(evidence, "saved"), (before - after) * 10 * MONTH_SECONDS * io_price()
    seen = f"`saved` is {dollars(saved)}."
    expected = f"{before - after:g} page reads less, 10 times a second, for 730 hours."
    if near(saved, right / 10):
        raise Mistake("once-a-second", seen, expected)
    if not near(saved, right):
        raise Mistake("other-price", seen, expected, "Page reads × 10 × the seconds of 730 hours × `IO`.")
    return Passed(f"{before:g} page reads, and {after:g} with the index: {dollars(saved)} a month less.")


@exercise(
    "09.4",
    "Which one goes?",
    hints=hints.INDEX,
    wrong=wrong.INDEX,
    variables=("with_it", "without"),
    prediction=Prediction(
        "abc",
        "c",
        "Each new row has an entry in each index. Its page must be in the cache for that, and is fetched where it is "
        "not: 8 KB each [8.30]. The entry is log, too [8.31].",
    ),
)
def check_index(region: RegionView, evidence: Evidence) -> Passed:
    """The index on the note is gone, the others are there, and the inserts were measured with and without it."""
    there = indexes(region)
    kept = {
        what: any(
            on.partition("(")[1] and f"({on.partition('(')[2]}".startswith(what) for on in there.values()
        )
        for what in (ADDRESS, NOTE, "(id")
    }
    seen = f"Indexes of `parcel`: {', '.join(sorted(there)) or 'none'}."
    expected = "All but the one that nobody has used."
    if not kept[ADDRESS] and not kept[NOTE]:
        raise Mistake("all-gone", seen, expected)
    if not kept[ADDRESS]:
        raise Mistake("the-wrong-one", seen, expected)
    if kept[NOTE]:
        numbers(evidence, "with_it", 2)  # Else nobody has begun.
        raise Mistake("still-there", seen, expected)
    if not kept["(id"]:
        raise Mistake("no-key", seen, expected, "The primary key keeps parcels from being there twice.")
    costly, cheap = numbers(evidence, "with_it", 2), numbers(evidence, "without", 2)
    if costly[0] - cheap[0] < 20:
        raise Mistake(
            "dropped-first",
            f"Page reads with the index: {costly[0]:g}, without: {cheap[0]:g}.",
            "The first measurement has the index.",
        )
    return Passed(
        f"300 new rows: {costly[0]:g} page reads and {costly[1]:g} log writes with the index, {cheap[0]:g} and "
        f"{cheap[1]:g} without."
    )


@exercise(
    "09.5",
    "Get the space back",
    hints=hints.SHRINK,
    wrong=wrong.SHRINK,
    prediction=Prediction(
        "abc",
        "c",
        "The volume shrinks after DROP and TRUNCATE, and not after DELETE [8.35]. A deleted row leaves a hole in its "
        "page; the page stays.",
    ),
)
def check_shrink(region: RegionView, _evidence: Evidence) -> Passed:
    """The table is small and has all that was not delivered."""
    query = """
        select count(*) filter (where delivered), count(*) filter (where not delivered and id <= 50000),
               pg_total_relation_size('parcel'),
               (select coalesce(max(vacuum_count), 0) from pg_stat_user_tables where relname = 'parcel')
        from parcel
    """
    ((delivered, kept, size, vacuums),) = rows(region, query)
    seen = (
        f"`parcel` has {kept} of the {UNDELIVERED} of the load that must stay, {delivered} delivered ones, "
        f"{size / 1e6:.1f} MB."
    )
    expected = (
        f"The {UNDELIVERED} that are not delivered, all later ones, and less than {SMALL_BYTES / 1e6:g} MB."
    )
    if kept < UNDELIVERED:
        raise Mistake("lost-parcels", seen, expected)
    if delivered:
        raise Mistake("nothing-deleted", seen, expected, "First the `delete`, then the space.")
    if size > SMALL_BYTES:
        # The load has vacuumed once.
        raise Mistake("only-vacuumed" if vacuums > 1 else "only-deleted", seen, expected)
    return Passed(seen)
