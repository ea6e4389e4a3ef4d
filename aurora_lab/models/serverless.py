"""Serverless v2: how much capacity an instance has from one second to the next, and what that adds up to. Pure.

The rule, stated here and nowhere else. What the documentation leaves open is the lab's choice, and marked (lab).

    what one ACU is    2 GiB of memory and the CPU that goes with it (FACTS 5.1): a quarter of a vCPU, as in the
                       memory-optimised classes, which have 8 GiB for each (lab)
    what is needed     enough that CPU is used to 70 % (lab), that memory suffices, and that each connection has
                       the memory that Aurora reckons for one (FACTS 1.25); in steps of 0.5 (FACTS 5.1). Where the
                       CPU is limited and used up, the need is not known: twice what there is (lab)
    bounds             the cluster's range (FACTS 5.1, 5.3), never less than 0.5 while the instance runs
    up                 each second, at once to what is needed, but by no more than an increment that is the bigger
                       the more there is (FACTS 5.6): half of the present capacity, at least 0.5 (lab). On
                       platform versions 3 and 4 at least 12 ACUs in a second (FACTS 5.5)
    down               gradually (FACTS 5.6): after each 5 seconds in which less was needed, by a sixteenth of the
                       present capacity, at least 0.5 (lab)
    tiers 0 and 1      have at least what the writer has (FACTS 5.8); of a provisioned writer, its memory in ACUs
    tiers 2 to 15      follow their own load alone (FACTS 5.8)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEP = 0.5
SMALLEST = 0.5
"""ACUs of an instance that runs; only a paused one has 0 (FACTS 5.16)."""
BYTES_PER_ACU = 2 << 30
VCPUS_PER_ACU = 0.25
CONNECTION_BYTES = 9_531_392
"""The divisor of `max_connections` (FACTS 1.25)."""
TARGET_SHARE = 0.7
AT_ONCE = 12.0
AT_ONCE_FROM_PLATFORM = 3
CALM_SECONDS = 5
FOLLOWING_TIERS = (0, 1)
RESUME_SECONDS, DEEP_RESUME_SECONDS = 15.0, 30.0
DEEP_AFTER_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Load:
    """What an instance's server uses."""

    vcpus: float = 0.0
    """CPU, in vCPUs that are busy all the time."""
    memory: int = 0
    """In bytes."""
    connections: int = 0
    throttled: bool = False
    """Whether it gets no more CPU than its capacity has, and uses all of that."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what a capacity may be now."""

    floor: float
    ceiling: float
    platform: int = 4
    """The cluster's platform version."""


@dataclass(frozen=True, slots=True)
class State:
    """What an instance has."""

    acus: float
    calm: int = 0
    """For how many seconds less has been needed since it last shrank."""


def bounds(minimum: float, maximum: float, following: float | None = None, platform: int = 4) -> Bounds:
    """Of a cluster's range; `following`: the capacity of the writer, for a reader of tier 0 or 1.

    Raises ValueError for a range that Aurora refuses.
    """
    if not 0 <= minimum <= maximum or maximum < 1:
        raise ValueError(f"there is no range from {minimum:g} to {maximum:g} ACUs")
    floor = max(minimum, SMALLEST, following or 0.0)
    return Bounds(min(_up(floor), maximum), maximum, platform)


def needed(load: Load, acus: float) -> float:
    """The ACUs that a load needs of an instance that has `acus`, in steps of 0.5, without bounds."""
    cpu = 2 * acus if load.throttled else load.vcpus / VCPUS_PER_ACU / TARGET_SHARE
    memory = max(load.memory, load.connections * CONNECTION_BYTES) / BYTES_PER_ACU
    return _up(max(cpu, memory))


def increment(acus: float, platform: int) -> float:
    """By how many ACUs a capacity may grow within a second."""
    grown = max(STEP, _down(acus / 2))
    return max(AT_ONCE, grown) if platform >= AT_ONCE_FROM_PLATFORM else grown


def next_second(state: State, need: float, allowed: Bounds) -> State:
    """What the instance has a second later."""
    wanted = min(max(need, allowed.floor), allowed.ceiling)
    if state.acus > allowed.ceiling:
        return State(allowed.ceiling)
    if wanted > state.acus:
        return State(min(wanted, state.acus + increment(state.acus, allowed.platform)))
    if wanted == state.acus:
        return State(state.acus)
    if state.calm + 1 < CALM_SECONDS:
        return State(state.acus, state.calm + 1)
    return State(max(wanted, state.acus - max(STEP, _down(state.acus / 16))))


def run(state: State, need: float, allowed: Bounds, seconds: int) -> tuple[State, list[tuple[int, float]]]:
    """What the instance has after `seconds` of the same need; and each change: after how many seconds, to what."""
    changes: list[tuple[int, float]] = []
    for second in range(1, seconds + 1):
        later = next_second(state, need, allowed)
        if later == state:
            break
        if later.acus != state.acus:
            changes.append((second, later.acus))
        state = later
    return state, changes


def resume_seconds(paused_for: float) -> float:
    """How long an instance takes to resume that was paused for so many seconds (FACTS 5.15)."""
    return DEEP_RESUME_SECONDS if paused_for > DEEP_AFTER_SECONDS else RESUME_SECONDS


@dataclass(frozen=True, slots=True)
class Point:
    """From `at` on an instance had `acus`, until the next point."""

    at: float
    """Seconds since the epoch."""
    acus: float
    scale: float = 1.0
    """How many seconds of the lab clock passed in one real second."""


def acu_seconds(points: Sequence[Point], until: float, since: float = 0.0) -> float:
    """ACUs times seconds of the lab clock from `since` to `until`: what is billed, per second (FACTS 5.21).

    `points` are in order of time; before the first there was nothing.
    """
    total = 0.0
    ends = [*(point.at for point in points[1:]), until]
    for point, end in zip(points, ends, strict=False):
        seconds = min(end, until) - max(point.at, since)
        total += point.acus * point.scale * max(0.0, seconds)
    return total


def _up(acus: float) -> float:
    # What is a step but for rounding errors is that step.
    return math.ceil(round(acus / STEP, 6)) * STEP


def _down(acus: float) -> float:
    return math.floor(round(acus / STEP, 6)) * STEP
