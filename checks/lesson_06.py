"""Lesson 06, Serverless v2: the range, a rush, the connections, tiers. Pauses and the bill stand in the file beside."""

from __future__ import annotations

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise
from aurora_lab.course.region_view import RegionView

from . import lesson_06_hints as hints
from . import lesson_06_wrong as wrong
from .lesson_06_looks import (
    ALONE,
    FOLLOWER,
    WRITER,
    acu_seconds,
    highest,
    instance,
    number,
    numbers,
    rows,
    the_cluster,
    the_range,
    the_rush,
)
from .lesson_06_pauses import check_awake, check_bill, check_pause, check_timeout

__all__ = ["check_awake", "check_bill", "check_pause", "check_timeout"]

SMALLEST, LARGEST = 0.5, 16.0
"""The range of the lesson, in ACUs; 16 are 32 GiB (FACTS 5.1)."""
CONNECTIONS = 4500
FLEET = (WRITER, FOLLOWER, ALONE)
CLOSE = 0.01


@exercise(
    "06.1",
    "Choose a range",
    hints=hints.RANGE,
    wrong=wrong.RANGE,
    prediction=Prediction(
        "abc",
        "c",
        "SecondsUntilAutoPause can only be specified when the minimum is 0; the error says so [5.14].",
    ),
)
def check_range(region: RegionView, _evidence: Evidence) -> Passed:
    """The cluster's range is 0.5 to 16 ACUs."""
    cluster = the_cluster(region)
    low, high = the_range(cluster)
    seen = f"`ferry` has {low:g} to {high:g} ACUs."
    if low == 0:
        raise Mistake("may-pause", seen, "A cluster that never pauses.")
    if high == 2 * LARGEST:
        raise Mistake("gib-for-acus", seen, "A maximum of 32 GiB.")
    if low > SMALLEST:
        raise Mistake("not-the-smallest", seen, "As small as it can be when nobody asks.")
    if high != LARGEST:
        raise Mistake("other-maximum", seen, "A maximum of 32 GiB.", "An ACU is about 2 GiB [5.1].")
    return Passed(f"{seen} That is 1 to 32 GiB, and it never pauses.")


@exercise(
    "06.2",
    "Measure it",
    hints=hints.RUSH,
    wrong=wrong.RUSH,
    variables=("peak", "share"),
    prediction=Prediction(
        "abc",
        "a",
        "Scaling happens in place while queries run [5.6], and since August 2026 starts with up to 12 ACUs within a "
        "second [5.5].",
    ),
)
def check_rush(region: RegionView, evidence: Evidence) -> Passed:
    """The highest capacity since the newest rush, and its share of the maximum."""
    _, maximum = the_range(the_cluster(region))
    found = the_rush(region)
    if found is None:
        raise Mistake("nobody-came", "There has been no rush.", "A rush, and what CloudWatch says of it.")
    peak, share = number(evidence, "peak"), number(evidence, "share")
    top = highest(region, WRITER, found.began)
    if top <= SMALLEST:
        raise Mistake(
            "not-grown",
            f"Since the rush, `{WRITER}` has had {top:g} ACUs at most.",
            "A capacity that follows the load.",
            "Was the rush long enough? `rush()` takes six seconds.",
        )
    if abs(peak - top) > CLOSE:
        seen = f"`peak` is {peak:g}; since the newest rush `{WRITER}` has had up to {top:g} ACUs."
        if peak <= SMALLEST:
            raise Mistake("not-the-highest", seen, "The highest point of the curve.")
        raise Mistake(
            "other-rush",
            seen,
            "The highest point of the curve since the newest rush began.",
            "Take `began`, `calm` and `peak` from the same rush: run the whole cell again.",
        )
    seen = f"At a peak of {peak:g} ACUs you say {share:g} %."
    if abs(share - 100) < 1 and peak < maximum:
        raise Mistake("share-of-itself", seen, "What `ACUUtilization` shows.")
    if abs(share - peak / maximum) < CLOSE:
        raise Mistake("not-percent", seen, "What `ACUUtilization` shows.")
    if abs(share - 100 * peak / maximum) > 1:
        raise Mistake(
            "other-share",
            seen,
            "What `ACUUtilization` shows.",
            "What has the peak to do with the maximum, 16?",
        )
    return Passed(f"Up to {top:g} ACUs, {share:.0f} % of the maximum, and back. No query had to wait for it.")


@exercise(
    "06.3",
    "Forty-five hundred connections",
    hints=hints.CONNECTIONS,
    wrong=wrong.CONNECTIONS,
    prediction=Prediction(
        "abc",
        "b",
        "The maximum of 32 would give 5,000; with a minimum of 0 or 0.5 it is capped at 2,000 [5.11].",
    ),
)
def check_connections(region: RegionView, _evidence: Evidence) -> Passed:
    """The smallest range that allows for 4,500 connections, and the server has been started with it."""
    low, high = the_range(the_cluster(region))
    (value,) = rows(region, "select setting::integer from pg_settings where name = 'max_connections'")[0]
    seen = f"The range is {low:g} to {high:g} ACUs; `max_connections` is {value:,}."
    if high < 2 * LARGEST:
        raise Mistake("maximum-too-small", seen, f"{CONNECTIONS:,} connections or more.")
    if high > 2 * LARGEST:
        raise Mistake(
            "maximum-too-large", seen, f"The smallest maximum of the table for {CONNECTIONS:,} connections."
        )
    if low <= SMALLEST:
        raise Mistake("capped", seen, f"{CONNECTIONS:,} connections or more.")
    if low > 1:
        raise Mistake(
            "minimum-too-large",
            seen,
            "The smallest minimum that will do.",
            "Only 0 and 0.5 are capped [5.11]. The next steps of half an ACU are not.",
        )
    if value < CONNECTIONS:
        raise Mistake("not-rebooted", seen, f"{CONNECTIONS:,} connections or more.")
    return Passed(seen)


@exercise(
    "06.4",
    "Who follows whom?",
    hints=hints.TIERS,
    wrong=wrong.TIERS,
    variables=("peaks",),
    prediction=Prediction(
        "abc",
        "c",
        "A reader of tier 0 or 1 has at least what the writer has; one of tiers 2 to 15 follows its own load [5.8]. "
        "The default is 1 [5.9].",
    ),
)
def check_tiers(region: RegionView, evidence: Evidence) -> Passed:
    """A rush to the writer, with one reader that follows and one that does not."""
    cluster = the_cluster(region)
    made = {name: instance(region, name) for name in FLEET}
    tiers = {name: int(found["PromotionTier"]) for name, found in made.items()}
    if tiers[ALONE] < 2:
        raise Mistake(
            "both-follow",
            f"`{FOLLOWER}` has tier {tiers[FOLLOWER]}, `{ALONE}` tier {tiers[ALONE]}.",
            f"`{ALONE}` has tier 15.",
        )
    if tiers[FOLLOWER] > 1:
        raise Mistake(
            "nobody-follows",
            f"`{FOLLOWER}` has tier {tiers[FOLLOWER]}, `{ALONE}` tier {tiers[ALONE]}.",
            f"`{FOLLOWER}` has the default tier.",
        )
    found, there = the_rush(region), max(item["InstanceCreateTime"] for item in made.values()).timestamp()
    if found is None or found.began < there:
        raise Mistake(
            "no-new-rush", "There has been no rush since the readers came.", "A rush to the writer."
        )
    if found.asked != cluster["Endpoint"]:
        raise Mistake("asked-the-readers", f"The newest rush went to {found.asked}.", "A rush to the writer.")
    peaks, tops = (
        numbers(evidence, "peaks", FLEET),
        {name: highest(region, name, found.began) for name in FLEET},
    )
    seen = ", ".join(f"{name} {top:g}" for name, top in tops.items())
    off = [name for name in FLEET if abs(peaks[name] - tops[name]) > CLOSE]
    if off:
        raise Mistake(
            "other-peaks",
            f"`peaks` has {peaks[off[0]]:g} for `{off[0]}`. Since the newest rush: {seen}.",
            "The highest ACUs of each since the rush began.",
            "Keep when this rush began: `began = rush()`. `calm` all three before and after.",
        )
    if not tops[ALONE] < tops[WRITER] <= tops[FOLLOWER]:
        raise Mistake(
            "not-calm-before",
            f"Since the newest rush: {seen}.",
            f"`{FOLLOWER}` follows the writer, `{ALONE}` does not.",
            "An instance that has just been made has work of its own, or the rush was short. `calm` all three, then "
            "once more.",
        )
    spent = {name: acu_seconds(region, name, found.began, found.ended + 5) for name in FLEET}
    billed = ", ".join(f"{name} {value / 3600:.2f}" for name, value in spent.items())
    return Passed(f"At most: {seen} ACUs. Billed: {billed} ACU-hours.")
