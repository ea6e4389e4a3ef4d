"""Lesson 07, the checks on connections that stay, cooldowns, what is removed, and a second policy."""

from __future__ import annotations

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView

from . import lesson_07_hints as hints
from . import lesson_07_wrong as wrong
from .lesson_07_looks import (
    BY_HAND,
    CLUSTER,
    CONNECTIONS,
    CPU,
    WRITER,
    a_number,
    added_by_policy,
    name_list,
    names,
    own,
    riders,
    the_readers,
    the_target,
    the_tracking,
)

LOAD = 8
TEN_HOURS = 36_000
"""The cooldown of 07.6, in seconds."""
WELL_WITHIN_SECONDS = 300
"""Real seconds between two scale-outs that are surely within that cooldown, on a clock up to 100 times as fast."""
AT_RUSH = 6
REASON = "AlreadyAtMinCapacity"
CPU_RANGE, CPU_TARGET = (0, 3), 60.0


@exercise(
    "07.5",
    "Bring them there",
    hints=hints.RENEWAL,
    wrong=wrong.RENEWAL,
    prediction=Prediction(
        "abc", "b", "An open connection never moves to a new reader [6.11]; the average does not show it."
    ),
)
def check_renewal(region: RegionView, _evidence: Evidence) -> Passed:
    """Each reader has a connection, also the new ones; as many as before, and none on the writer."""
    readers = the_readers(region)
    if not own(readers):
        raise Mistake(
            "none-made",
            f"The readers: {names(readers)}.",
            "Readers that auto scaling made.",
            "Solve 07.2 first.",
        )
    count = {name: riders(region, name) for name in sorted(readers)}
    at_writer = riders(region, WRITER)
    seen = (
        ", ".join(f"{name[:28]}: {number}" for name, number in count.items()) + f"; the writer: {at_writer}."
    )
    if at_writer:
        raise Mistake("at-the-writer", seen, "Passengers on readers only.")
    if sum(count.values()) < LOAD:
        raise Mistake("fewer", seen, f"{LOAD} passengers.")
    if not all(count.values()) and any(count[name] for name in own(readers)):
        raise Mistake(
            "one-is-empty",
            seen,
            "A passenger on each reader.",
            "Some have come to a new reader. Go on: renew until no reader has 0.",
        )
    if not all(count.values()):
        raise Mistake("still-there", seen, "A passenger on each reader, also on the new ones.")
    return Passed(seen)


@exercise(
    "07.6",
    "A larger need",
    hints=hints.COOLDOWN,
    wrong=wrong.COOLDOWN,
    variables=("minutes",),
    prediction=Prediction(
        "abc",
        "b",
        "A larger need goes through during the cooldown [6.9]. It takes the alarm's minutes, and no more.",
    ),
)
def check_cooldown(region: RegionView, evidence: Evidence) -> Passed:
    """The cooldown was ten hours, and a second scale-out came well before its end."""
    readers = the_readers(region)
    cooldown = the_tracking(region, CONNECTIONS).get("ScaleOutCooldown")
    if cooldown != TEN_HOURS:
        raise Mistake(
            "other-cooldown",
            f"The policy's ScaleOutCooldown is {cooldown or 'not set'}.",
            f"{TEN_HOURS} seconds, after a scale-out.",
        )
    minutes = a_number(evidence, "minutes")
    if not 0 <= minutes < TEN_HOURS / 60:
        raise Mistake("not-measured", f"`minutes` is {minutes:g}.", "What `watch(6)` has returned.")
    if len(readers) < AT_RUSH:
        raise Mistake("nobody-came", f"{len(readers)} readers.", f"{AT_RUSH} readers.")
    added = added_by_policy(region)
    between = (added[-1][0] - added[-2][1]).total_seconds() if len(added) > 1 else None
    if between is None or between > WELL_WITHIN_SECONDS:
        raise Mistake(
            "too-far-apart",
            f"Scale-outs: {len(added)}; seconds between the last two: {between}.",
            "Two scale-outs, the second within the cooldown of the first.",
            "Run all lines of the task together. If there are too many readers by now: `board(8)`, `watch(4)`, "
            "then begin again.",
        )
    return Passed(
        f"A scale-out, and {between:.0f} s after its end the next one, within a cooldown of ten hours. "
        f"{len(readers)} readers."
    )


@exercise(
    "07.7",
    "Ask why, then let go",
    hints=hints.NIGHT,
    wrong=wrong.NIGHT,
    variables=("reason", "left"),
    prediction=Prediction(
        "abc", "c", "Only readers that auto scaling made are removed [6.8]. Your two stay."
    ),
)
def check_night(region: RegionView, evidence: Evidence) -> Passed:
    """The minimum is 0, the target is still registered, and only the hand-made readers are left."""
    readers = the_readers(region)
    if region.scalable_target(CLUSTER) is None:
        raise Mistake(
            "deregistered", "The cluster is not registered any more.", "A target with a minimum of 0."
        )
    target = the_target(region)
    reason = str(need(evidence, "reason"))
    if REASON in reason and reason != REASON:
        raise Mistake(
            "more-than-the-code",
            f"`reason` is {reason[:80]}.",
            "The code alone.",
            "The code is in it. `NotScaledReasons` is a list of dictionaries: take `Code` of its first.",
        )
    if reason != REASON:
        raise Mistake(
            "other-reason", f"`reason` is {reason[:80]}.", "The code that the newest activity gives."
        )
    if target["MinCapacity"] != 0:
        raise Mistake("still-held", f"The minimum is {target['MinCapacity']}.", "0.")
    if own(readers):
        raise Mistake(
            "not-yet",
            f"{len(readers)} readers; {len(own(readers))} of them were made by auto scaling.",
            "Only yours are left.",
            "The cooldown after the last removal may still run. Watch once more: `watch(2)`.",
        )
    if set(readers) != BY_HAND:
        raise Mistake(
            "yours-are-gone",
            f"The readers: {names(readers)}.",
            f"{names(BY_HAND)}.",
            'Auto scaling removes none of yours. Add what is missing again, as `add("rail-2", "db.t4g.medium")`.',
        )
    left = name_list(evidence, "left")
    if set(left) != set(readers):
        raise Mistake(
            "other-names",
            f"`left` is {names(left)}; the readers: {names(readers)}.",
            "The readers that stay.",
            "`sorted(readers())`, after the last one has gone.",
        )
    return Passed(f"It was held by {reason}. With a minimum of 0 your own stay: {names(readers)}.")


@exercise(
    "07.8",
    "Find the mistakes",
    hints=hints.SCRIPT,
    wrong=wrong.SCRIPT,
    prediction=Prediction(
        "abc",
        "b",
        "A resource id that names no cluster, and a minimum above the maximum. The other three are allowed.",
    ),
)
def check_script(region: RegionView, _evidence: Evidence) -> Passed:
    """Target and CPU policy are as wanted."""
    target = the_target(region)
    tracking = the_tracking(
        region,
        CPU,
        "no-cpu-policy",
        "The script has not run through yet. Run it, and mend what its error names, until both calls are accepted.",
    )
    limits = (target["MinCapacity"], target["MaxCapacity"])
    held = [name for name, value in target["SuspendedState"].items() if value]
    value = tracking["TargetValue"]
    if limits != CPU_RANGE:
        raise Mistake(
            "other-range",
            f"The range is {limits[0]} to {limits[1]}.",
            f"{CPU_RANGE[0]} to {CPU_RANGE[1]}.",
            "MinCapacity and MaxCapacity of the script say the range.",
        )
    if held:
        raise Mistake("suspended", f"Suspended: {names(held)}.", "It adds and removes by itself.")
    if value < 1:
        raise Mistake("a-fraction", f"The target is {value:g}.", f"{CPU_TARGET:g} %.")
    if value != CPU_TARGET:
        raise Mistake(
            "other-target", f"The target is {value:g}.", f"{CPU_TARGET:g}.", "`TargetValue` is in percent."
        )
    if tracking.get("DisableScaleIn"):
        raise Mistake("never-in", "The policy has DisableScaleIn.", "It removes readers by itself, too.")
    return Passed(
        f"{limits[0]} to {limits[1]} readers, nothing is suspended, {value:g} % of CPU, in and out."
    )
