"""Lesson 07, auto-scaling readers: a dead policy, how many readers are made and what they are like, the two alarms.

The checks of 07.5 to 07.8, on connections, cooldowns, removal and a second policy, stand in the file beside this one.
"""

from __future__ import annotations

import math

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView
from aurora_lab.models.target_tracking import HIGH_POINTS, LOW_POINTS, LOW_SHARE

from . import lesson_07_hints as hints
from . import lesson_07_wrong as wrong
from .lesson_07_looks import (
    BY_HAND,
    CLUSTER,
    CONNECTIONS,
    WRITER,
    a_number,
    added_by_policy,
    name_list,
    names,
    own,
    the_readers,
    the_target,
    the_tracking,
)
from .lesson_07_more import check_cooldown, check_night, check_renewal, check_script

__all__ = ["check_cooldown", "check_night", "check_renewal", "check_script"]

TARGET, LARGEST, LOAD = 2.0, 6, 8
CPU_TARGET = 70.0


@exercise(
    "07.1",
    "Register, and wait",
    hints=hints.DEAD,
    wrong=wrong.DEAD,
    variables=("state",),
    prediction=Prediction(
        "abc", "c", "The metric is an average over the readers. Without one there is none [6.5]."
    ),
)
def check_dead(region: RegionView, evidence: Evidence) -> Passed:
    """Range and policy are right, the passengers came to the writer, nobody was made, the alarm has no data."""
    readers = the_readers(region)
    target = the_target(region)
    limits = (target["MinCapacity"], target["MaxCapacity"])
    if readers and target["MinCapacity"]:
        raise Mistake(
            "minimum-of-one",
            f"The range is {limits[0]} to {limits[1]}; readers: {names(readers)}.",
            "No reader.",
        )
    if readers:
        raise Mistake(
            "a-reader",
            f"There are readers: {names(readers)}.",
            "A writer and no reader: this part shows what happens then.",
            "Remove them with `rds.delete_db_instance(DBInstanceIdentifier=...)`, and begin this part again.",
        )
    if limits != (0, LARGEST):
        raise Mistake(
            "other-range",
            f"The range is {limits[0]} to {limits[1]}.",
            f"0 to {LARGEST}.",
            "Register it once more, with MinCapacity and MaxCapacity as the task says.",
        )
    tracking = the_tracking(region, CONNECTIONS, "other-metric")
    if tracking["TargetValue"] != TARGET:
        raise Mistake("other-target", f"The target is {tracking['TargetValue']:g}.", f"{TARGET:g}.")
    cluster = region.cluster(CLUSTER) or {}
    came = [item for item in region.connections(cluster["ReaderEndpoint"]) if item.instance == WRITER]
    if len(came) < LOAD:
        raise Mistake(
            "no-load",
            f"{len(came)} connections were made to the reader endpoint.",
            f"{LOAD} passengers.",
            "Call `board(8)`, then `watch(4, minutes=6)`.",
        )
    state = str(need(evidence, "state"))
    if state != "INSUFFICIENT_DATA":
        raise Mistake("other-state", f"`state` is {state[:60]}.", "The state that CloudWatch shows.")
    return Passed(
        f"{len(came)} connections to the reader endpoint, all on {WRITER}; no reader; the alarm: {state}."
    )


@exercise(
    "07.2",
    "Repair it, and count",
    hints=hints.FIRST,
    wrong=wrong.FIRST,
    variables=("made",),
    prediction=Prediction(
        "abc",
        "c",
        "Four are wanted, and your two count: the average is over all readers [6.4]. So two are made.",
    ),
)
def check_first(region: RegionView, evidence: Evidence) -> Passed:
    """The two by hand are there, a high alarm has led to two more, and the learner has counted them."""
    readers = the_readers(region)
    found = own(readers)
    if not readers.keys() >= BY_HAND:
        raise Mistake(
            "not-by-hand",
            f"The readers: {names(readers)}.",
            f"{names(BY_HAND)}, made by you, among them.",
            '`add("rail-2", "db.t4g.medium")`, and the same for rail-3.',
        )
    if not found:
        raise Mistake(
            "still-at-the-writer",
            f"The readers: {names(readers)}. Auto scaling has made none.",
            "Passengers on the readers, and readers that are made for them.",
        )
    if not added_by_policy(region):
        raise Mistake(
            "by-the-minimum",
            f"{len(found)} readers were made, and no alarm asked for them.",
            "Readers that the policy has made.",
        )
    told = a_number(evidence, "made")
    if told != len(found):
        raise Mistake(
            "other-number",
            f"`made` is {told:g}. Readers: {len(readers)}, of these by hand: {len(BY_HAND)}.",
            "Those that auto scaling made.",
        )
    return Passed(f"{len(BY_HAND)} by hand, {len(found)} made: {len(readers)} readers for {LOAD} passengers.")


@exercise(
    "07.3",
    "Tell them apart",
    hints=hints.PORTRAIT,
    wrong=wrong.PORTRAIT,
    variables=("own", "portrait"),
    prediction=Prediction(
        "abc", "b", "New readers have the class of the writer, whatever the others have [6.7]."
    ),
)
def check_portrait(region: RegionView, evidence: Evidence) -> Passed:
    """The names of the readers that were made, and their class, tier and tag."""
    readers = the_readers(region)
    found = own(readers)
    told = set(name_list(evidence, "own"))
    if not found:
        raise Mistake(
            "none-made",
            f"The readers: {names(readers)}.",
            "Readers that auto scaling made.",
            "Solve 07.2 first.",
        )
    if told == set(readers):
        raise Mistake("all-readers", f"`own` names all {len(told)} readers.", "Only those that it made.")
    if told == BY_HAND:
        raise Mistake("by-hand", f"`own` is {names(told)}.", "Those that auto scaling made.")
    if told != set(found):
        raise Mistake(
            "other-names",
            f"`own` is {names(told)}.",
            f"{len(found)} names, each as `readers()` has it.",
            "Take the keys of `readers()`, as they are.",
        )
    one = readers[found[0]]
    wanted = {
        "class": one["DBInstanceClass"],
        "tier": one["PromotionTier"],
        "tag": one["TagList"][0]["Key"],
    }
    portrait = need(evidence, "portrait")
    if isinstance(portrait, dict) and portrait != wanted and portrait | {"tag": wanted["tag"]} == wanted:
        raise Mistake(
            "other-tag",
            f"`portrait` is {str(portrait)[:120]}.",
            "The key of the tag.",
            "Class and tier are right. `TagList` is a list of pairs: take the `Key` of its first.",
        )
    if not isinstance(portrait, dict) or portrait != wanted:
        raise Mistake(
            "other-portrait",
            f"`portrait` is {str(portrait)[:120]}.",
            "Class, tier and the key of the tag, of a reader that auto scaling made.",
        )
    return Passed(
        f"{len(found)} readers of class {wanted['class']}, tier {wanted['tier']}, tagged {wanted['tag']}."
    )


@exercise(
    "07.4",
    "Read them",
    hints=hints.ALARMS,
    wrong=wrong.ALARMS,
    variables=("high", "low", "low_of_70"),
    prediction=Prediction(
        "abc",
        "c",
        "The low alarm begins at about 90 % of the target [6.10], here 1.8. Above it nothing happens.",
    ),
)
def check_alarms(region: RegionView, evidence: Evidence) -> Passed:
    """Threshold and minutes of both alarms, and the low threshold of another target."""
    target = the_tracking(region, CONNECTIONS)["TargetValue"]
    wanted = {"high": (target, HIGH_POINTS), "low": (target * LOW_SHARE, LOW_POINTS)}
    told = {name: _pair(evidence, name) for name in wanted}
    seen = "; ".join(f"`{name}` is {pair[0]:g}, {pair[1]:g}" for name, pair in told.items()) + "."
    if _close(told["high"], wanted["low"]) and _close(told["low"], wanted["high"]):
        raise Mistake("swapped", seen, "The high alarm in `high`, the low one in `low`.")
    if any(_close(told[name], (pair[0], pair[1] * 60)) for name, pair in wanted.items()):
        raise Mistake("in-seconds", seen, "Minutes.")
    other = [name for name, pair in wanted.items() if not _close(told[name], pair)]
    if other:
        raise Mistake(
            "other-pair",
            seen,
            f"The threshold, then the minutes, of the {other[0]} alarm.",
            "EvaluationPeriods periods of Period seconds each.",
        )
    share = a_number(evidence, "low_of_70")
    if not math.isclose(share, CPU_TARGET * LOW_SHARE, rel_tol=1e-3):
        raise Mistake(
            "other-share",
            f"`low_of_70` is {share:g}.",
            "The same share of 70 as the low threshold here has of the target here.",
        )
    return Passed(f"{seen} For a target of 70 the low alarm begins at {share:g}.")


def _pair(evidence: Evidence, name: str) -> tuple[float, float]:
    value = need(evidence, name)
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(isinstance(item, int | float) for item in value)
    ):
        raise Mistake(
            "not-a-pair", f"`{name}` is {str(value)[:100]}.", "A pair of two numbers.", "As `(2, 7)`."
        )
    return (float(value[0]), float(value[1]))


def _close(told: tuple[float, float], wanted: tuple[float, float]) -> bool:
    return all(math.isclose(one, other, rel_tol=1e-3) for one, other in zip(told, wanted, strict=True))
