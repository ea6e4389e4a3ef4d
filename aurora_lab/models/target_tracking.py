"""Target tracking of a cluster's readers, as a table of rules: no clock, no I/O, only what is decided from what.

The rules, and where each comes from ("UG": the Aurora user guide as FACTS cites it; "API": the model of Application
Auto Scaling that botocore carries):

    1. the metric is the average over all readers that report, hand-made ones too, never the writer (FACTS 6.4)
    2. without a reader there is no metric, and nothing ever happens (FACTS 6.5)
    3. high alarm: above the target for 3 of 3 one-minute points (observed, FACTS 6.10)
    4. low alarm: below 90 % of the target for 15 of 15 one-minute points (observed on other services, FACTS 6.10)
    5. wanted capacity: ceil(readers × metric ÷ target), in both directions. AWS publishes no formula; this is what
       "in proportion to the metric" means for whole readers, and it never removes a reader that it would want back;
       a scale-out counts only the readers of whom the metric is: one that is new has taken no load over yet
    6. never outside of minimum and maximum (FACTS 6.2)
    7. nothing while the cluster, or one of its instances, is not `available` (FACTS 6.6)
    8. scale out if one policy says so; in only if all that may scale in say so; the largest capacity wins
       (API `PutScalingPolicy`)
    9. after a scale-out none follows for ScaleOutCooldown, except to a larger number than that one's (FACTS 6.9)
    10. after a scale-in none follows for ScaleInCooldown; a scale-out is not held up by it, and ends it (FACTS 6.9)
    11. a policy with DisableScaleIn never removes; SuspendedState holds one direction or both (FACTS 6.9)
    12. only readers that it made are removed (FACTS 6.8)

Cooldowns count from the end of an activity, in lab seconds, and are of the policy that asks, after whichever policy
acted last: AWS does not say how the cooldowns of several policies meet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

COOLDOWN_SECONDS = 300
"""Of either kind, unless the policy says otherwise (FACTS 6.9)."""
MOST_READERS = 15
"""The largest minimum and maximum capacity (FACTS 6.2)."""
HIGH_POINTS = 3
"""One-minute points of the high alarm, all of which must be above (FACTS 6.10)."""
LOW_POINTS = 15
"""One-minute points of the low alarm, all of which must be below (FACTS 6.10)."""
SPARE_POINTS = 2
"""Minutes further back that CloudWatch looks where some have no point (CloudWatch user guide, missing data)."""
LOW_SHARE = 0.9
"""Of the target, where the low alarm begins (FACTS 6.10: 50 → 45, 30 → 27)."""

Point = float | None
"""The metric in one minute; None where nobody reported."""


class AlarmState(StrEnum):
    """CloudWatch's states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Hold(StrEnum):
    """Why nothing is done. The first three are codes of the API (`NotScaledReason`)."""

    AT_MAXIMUM = "AlreadyAtMaxCapacity"
    AT_MINIMUM = "AlreadyAtMinCapacity"
    AT_DESIRED = "AlreadyAtDesiredCapacity"
    NO_ALARM = "no alarm"
    NOT_AVAILABLE = "the cluster is not available"
    SUSPENDED = "suspended"
    COOLDOWN = "cooldown"
    NONE_OF_ITS_OWN = "no reader that it made"


@dataclass(frozen=True, slots=True)
class Tracking:
    """One policy. Raises ValueError where the target is not a positive number, or a cooldown is negative."""

    target: float
    out_cooldown: float = COOLDOWN_SECONDS
    """Lab seconds."""
    in_cooldown: float = COOLDOWN_SECONDS
    """Lab seconds."""
    scale_in: bool = True

    def __post_init__(self) -> None:
        if not (self.target > 0 and math.isfinite(self.target)):
            raise ValueError("the target must be a positive number")
        if min(self.out_cooldown, self.in_cooldown) < 0:
            raise ValueError("a cooldown cannot be negative")

    @property
    def low_threshold(self) -> float:
        """Below it the low alarm counts (rule 4)."""
        return self.target * LOW_SHARE


@dataclass(frozen=True, slots=True)
class Reading:
    """What one policy's alarms and its newest point say."""

    policy: Tracking
    metric: Point
    high: AlarmState
    low: AlarmState
    reporters: int | None = None
    """Of how many readers the metric is the average; None for all there are."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The readers there are, and what may be made of them."""

    readers: int
    """All of them, hand-made ones too."""
    removable: int
    """Those that auto scaling made."""
    minimum: int
    maximum: int
    available: bool = True
    """Whether the cluster and all of its instances are."""
    out_suspended: bool = False
    in_suspended: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """What the target's policies did last; None for never, or no longer of any effect. Ages are in lab seconds."""

    out_to: int = 0
    """How many readers the last scale-out was for."""
    out_age: float | None = None
    in_age: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A number of readers to go to, and which of the readings' policies asks; or why nothing is done."""

    to: int | None = None
    policy: int | None = None
    """Position in the readings; also where an alarm rings and nothing is done."""
    hold: Hold | None = None


def average(values: Sequence[Point]) -> Point:
    """The metric of one minute: the mean of what each reader reports (rules 1, 2)."""
    reported = [value for value in values if value is not None]
    return fmean(reported) if reported else None


def high_alarm(points: Sequence[Point], policy: Tracking, before: AlarmState) -> AlarmState:
    """The high alarm's state, from the points so far, newest last, and the state it had (rule 3)."""
    return _alarm([None if p is None else p > policy.target for p in points], HIGH_POINTS, before)


def low_alarm(points: Sequence[Point], policy: Tracking, before: AlarmState) -> AlarmState:
    """The low alarm's state, from the points so far, newest last, and the state it had (rule 4)."""
    return _alarm([None if p is None else p < policy.low_threshold for p in points], LOW_POINTS, before)


def wanted(readers: int, metric: float, target: float) -> int:
    """How many readers would bring the metric to the target, if the load spread evenly over them (rule 5)."""
    share = readers * metric / target
    # A quotient that is a whole number but for rounding is that number: 3 × 0.1 ÷ 0.3 asks for one reader.
    return round(share) if math.isclose(share, round(share), rel_tol=1e-9) else math.ceil(share)


def decide(fleet: Fleet, readings: Sequence[Reading], past: Past) -> Decision:
    """What is to be done now (rules 5 to 12)."""
    ringing = [
        (_bounded(fleet, reading, _reporting(fleet, reading)), number)
        for number, reading in enumerate(readings)
        if reading.high is AlarmState.ALARM and reading.metric is not None
    ]
    if ringing:
        to, number = max(ringing, key=lambda each: each[0])
        return _out(fleet, to, number, readings[number].policy, past)
    able = [(number, reading) for number, reading in enumerate(readings) if reading.policy.scale_in]
    if able and all(r.low is AlarmState.ALARM and r.metric is not None for _, r in able):
        to, number = max(((_bounded(fleet, r, fleet.readers), n) for n, r in able), key=lambda each: each[0])
        return _in(fleet, to, number, readings[number].policy, past)
    return Decision(hold=Hold.NO_ALARM)


def _out(fleet: Fleet, to: int, number: int, policy: Tracking, past: Past) -> Decision:
    if to <= fleet.readers:
        return Decision(
            policy=number, hold=Hold.AT_MAXIMUM if fleet.readers >= fleet.maximum else Hold.AT_DESIRED
        )
    if fleet.out_suspended:
        return Decision(policy=number, hold=Hold.SUSPENDED)
    if not fleet.available:
        return Decision(policy=number, hold=Hold.NOT_AVAILABLE)
    if past.out_age is not None and past.out_age < policy.out_cooldown and to <= past.out_to:
        return Decision(policy=number, hold=Hold.COOLDOWN)
    return Decision(to, number)


def _in(fleet: Fleet, to: int, number: int, policy: Tracking, past: Past) -> Decision:
    if to >= fleet.readers:
        return Decision(
            policy=number, hold=Hold.AT_MINIMUM if fleet.readers <= fleet.minimum else Hold.AT_DESIRED
        )
    if fleet.in_suspended:
        return Decision(policy=number, hold=Hold.SUSPENDED)
    if not fleet.available:
        return Decision(policy=number, hold=Hold.NOT_AVAILABLE)
    if past.in_age is not None and past.in_age < policy.in_cooldown:
        return Decision(policy=number, hold=Hold.COOLDOWN)
    if fleet.removable == 0:
        return Decision(policy=number, hold=Hold.NONE_OF_ITS_OWN)
    return Decision(max(to, fleet.readers - fleet.removable), number)


def _reporting(fleet: Fleet, reading: Reading) -> int:
    return fleet.readers if reading.reporters is None else min(reading.reporters, fleet.readers)


def _bounded(fleet: Fleet, reading: Reading, readers: int) -> int:
    metric = 0.0 if reading.metric is None else reading.metric
    needed = wanted(readers, metric, reading.policy.target)
    return min(max(needed, fleet.minimum), fleet.maximum)


def _alarm(breaches: Sequence[bool | None], count: int, before: AlarmState) -> AlarmState:
    """CloudWatch's rule for `count` of `count` points, where missing data are treated as missing."""
    known = [breach for breach in list(breaches)[-count - SPARE_POINTS :] if breach is not None]
    if len(known) >= count:
        return AlarmState.ALARM if all(known[-count:]) else AlarmState.OK
    if not known:
        return AlarmState.INSUFFICIENT_DATA
    return before if all(known) else AlarmState.OK
