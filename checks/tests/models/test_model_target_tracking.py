"""Target tracking of readers: each rule of the model, and what holds for any fleet and any load."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.models.target_tracking import (
    COOLDOWN_SECONDS,
    LOW_POINTS,
    MOST_READERS,
    AlarmState,
    Decision,
    Fleet,
    Hold,
    Past,
    Point,
    Reading,
    Tracking,
    average,
    decide,
    high_alarm,
    low_alarm,
    wanted,
)

OK, ALARM, NOTHING = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
POLICY = Tracking(target=50)
FLEET = Fleet(readers=2, removable=1, minimum=1, maximum=5)
NEVER = Past()


def too_high(metric: float, policy: Tracking = POLICY) -> Reading:
    return Reading(policy, metric, ALARM, OK)


def too_low(metric: float, policy: Tracking = POLICY) -> Reading:
    return Reading(policy, metric, OK, ALARM)


QUIET = Reading(POLICY, 48.0, OK, OK)
SILENT = Reading(POLICY, None, NOTHING, NOTHING)


def test_the_average_is_over_those_who_report() -> None:
    assert average([90, 90, 10]) == pytest.approx(63.33, abs=0.01)
    assert average([None, 30, None]) == 30
    assert average([None]) is None and average([]) is None


def test_readers_that_have_not_reported_yet_ask_for_no_more_readers() -> None:
    """Ten connections on one reader, target 4: three readers; when they are there, not eight."""
    policy = Tracking(target=4)
    grown = Fleet(readers=3, removable=2, minimum=0, maximum=15)
    one_reports = Reading(policy, 10.0, ALARM, OK, reporters=1)
    assert decide(grown, [one_reports], NEVER).hold is Hold.AT_DESIRED
    assert decide(grown, [Reading(policy, 10.0, ALARM, OK, reporters=3)], NEVER).to == 8


@pytest.mark.parametrize(
    ("points", "before", "state"),
    [
        ([51, 51], NOTHING, NOTHING),
        ([51, 51, 51], NOTHING, ALARM),
        ([51, 51, 50], ALARM, OK),
        ([0] * 20 + [51, 99, 51], OK, ALARM),
        ([51, None, 51], OK, OK),
        ([51, None, 51], ALARM, ALARM),
        ([51, None, 51, None, 51], OK, ALARM),
        ([50, 51, None, 51, None, 51], OK, ALARM),
        ([50, None, 51], ALARM, OK),
        ([51, 51, 51, *[None] * 5], ALARM, NOTHING),
        ([], NOTHING, NOTHING),
    ],
)
def test_three_of_three_minutes_above_the_target_are_high(
    points: list[Point], before: AlarmState, state: AlarmState
) -> None:
    assert high_alarm(points, POLICY, before) is state


def test_fifteen_of_fifteen_minutes_below_nine_tenths_are_low() -> None:
    assert POLICY.low_threshold == 45 and Tracking(30).low_threshold == 27
    assert low_alarm([44.9] * (LOW_POINTS - 1), POLICY, NOTHING) is NOTHING
    assert low_alarm([44.9] * LOW_POINTS, POLICY, NOTHING) is ALARM
    assert low_alarm([*[44.9] * (LOW_POINTS - 1), 45], POLICY, ALARM) is OK
    assert low_alarm([45, *[44.9] * LOW_POINTS], POLICY, OK) is ALARM


def test_capacity_follows_the_metric_in_proportion() -> None:
    assert decide(FLEET, [too_high(60)], NEVER) == Decision(3, 0)
    assert decide(FLEET, [too_high(90)], NEVER) == Decision(4, 0)
    assert decide(replace(FLEET, readers=5, removable=4), [too_low(21)], NEVER) == Decision(3, 0)
    assert wanted(3, 0.1, 0.3) == 1


def test_bounds() -> None:
    assert decide(FLEET, [too_high(500)], NEVER) == Decision(5, 0)
    assert decide(replace(FLEET, readers=5), [too_high(500)], NEVER).hold is Hold.AT_MAXIMUM
    assert decide(replace(FLEET, readers=7), [too_high(500)], NEVER).hold is Hold.AT_MAXIMUM
    assert decide(replace(FLEET, minimum=2), [too_low(0)], NEVER).hold is Hold.AT_MINIMUM
    assert decide(FLEET, [too_low(44)], NEVER).hold is Hold.AT_DESIRED
    # A minimum of 0 lets the last reader go, and then nothing ever comes back (FACTS 6.5).
    alone = Fleet(readers=1, removable=1, minimum=0, maximum=5)
    assert decide(alone, [too_low(0)], NEVER) == Decision(0, 0)


def test_a_scale_out_holds_up_the_next_unless_that_is_for_more() -> None:
    past = Past(out_to=3, out_age=COOLDOWN_SECONDS - 1)
    assert decide(FLEET, [too_high(75)], past).hold is Hold.COOLDOWN
    assert decide(FLEET, [too_high(99)], past) == Decision(4, 0)
    assert decide(FLEET, [too_high(75)], replace(past, out_age=COOLDOWN_SECONDS)) == Decision(3, 0)
    assert decide(FLEET, [too_high(75, Tracking(50, out_cooldown=0))], past) == Decision(3, 0)


def test_a_scale_in_holds_up_the_next_and_no_scale_out() -> None:
    past = Past(in_age=COOLDOWN_SECONDS - 1)
    assert decide(FLEET, [too_low(5)], past).hold is Hold.COOLDOWN
    assert decide(FLEET, [too_low(5)], replace(past, in_age=COOLDOWN_SECONDS)) == Decision(1, 0)
    assert decide(FLEET, [too_high(60)], past) == Decision(3, 0)


def test_only_its_own_readers_are_removed() -> None:
    big = replace(FLEET, readers=5)
    assert decide(replace(big, removable=0), [too_low(0)], NEVER).hold is Hold.NONE_OF_ITS_OWN
    assert decide(replace(big, removable=2), [too_low(0)], NEVER) == Decision(3, 0)


def test_what_holds_it() -> None:
    assert decide(replace(FLEET, available=False), [too_high(99)], NEVER).hold is Hold.NOT_AVAILABLE
    assert decide(replace(FLEET, available=False), [too_low(1)], NEVER).hold is Hold.NOT_AVAILABLE
    assert decide(replace(FLEET, out_suspended=True), [too_high(99)], NEVER).hold is Hold.SUSPENDED
    assert decide(replace(FLEET, in_suspended=True), [too_low(1)], NEVER).hold is Hold.SUSPENDED
    assert decide(replace(FLEET, in_suspended=True), [too_high(60)], NEVER) == Decision(3, 0)
    assert decide(FLEET, [too_low(1, Tracking(50, scale_in=False))], NEVER).hold is Hold.NO_ALARM
    assert decide(FLEET, [QUIET], NEVER).hold is Hold.NO_ALARM
    assert decide(FLEET, [], NEVER).hold is Hold.NO_ALARM
    with pytest.raises(ValueError, match="positive"):
        Tracking(0)
    with pytest.raises(ValueError, match="negative"):
        Tracking(1, in_cooldown=-1)


def test_of_several_policies_one_is_enough_to_grow_and_all_are_needed_to_shrink() -> None:
    many = Fleet(readers=4, removable=3, minimum=1, maximum=15)
    assert decide(many, [too_low(1), too_high(60)], NEVER) == Decision(5, 1)
    assert decide(many, [too_high(60), too_high(99)], NEVER) == Decision(8, 1)
    assert decide(many, [too_low(1), too_low(30)], NEVER) == Decision(3, 1)
    assert decide(many, [too_low(1), QUIET], NEVER).hold is Hold.NO_ALARM
    assert decide(many, [too_low(1), SILENT], NEVER).hold is Hold.NO_ALARM
    never_in = Reading(Tracking(50, scale_in=False), 48, OK, OK)
    assert decide(many, [too_low(1), never_in], NEVER) == Decision(1, 0)


COUNTS = st.integers(0, MOST_READERS)
FLEETS = st.builds(
    lambda readers, made, bounds, *flags: Fleet(readers, min(made, readers), *sorted(bounds), *flags),
    COUNTS,
    COUNTS,
    st.tuples(COUNTS, COUNTS),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
TRACKINGS = st.builds(
    Tracking, st.floats(0.5, 1000), st.sampled_from([0, 300]), st.sampled_from([0, 300]), st.booleans()
)
METRICS = st.just(0.0) | st.floats(1e-6, 5000)
READINGS = st.builds(
    lambda policy, points: Reading(
        policy,
        points[-1],
        high_alarm(points, policy, NOTHING),
        low_alarm(points, policy, NOTHING),
    ),
    TRACKINGS,
    st.one_of(
        METRICS.map(lambda each: [each] * LOW_POINTS),
        st.lists(st.none() | METRICS, min_size=1, max_size=20),
    ),
)
AGES = st.none() | st.floats(0, 600)
PASTS = st.builds(Past, COUNTS, AGES, AGES)


@given(FLEETS, st.lists(READINGS, max_size=3), PASTS)
def test_whatever_it_does_is_allowed(fleet: Fleet, readings: list[Reading], past: Past) -> None:
    decision = decide(fleet, readings, past)
    if decision.to is None:
        assert decision.hold is not None
        return
    assert decision.hold is None and decision.policy is not None and fleet.available
    policy = readings[decision.policy].policy
    if decision.to > fleet.readers:
        assert not fleet.out_suspended and decision.to <= fleet.maximum
        assert past.out_age is None or past.out_age >= policy.out_cooldown or decision.to > past.out_to
    else:
        assert fleet.minimum <= decision.to < fleet.readers
        assert not fleet.in_suspended and policy.scale_in and decision.to >= fleet.readers - fleet.removable
        assert past.in_age is None or past.in_age >= policy.in_cooldown


@given(FLEETS, st.lists(READINGS, max_size=3), PASTS)
def test_without_a_reader_there_is_no_metric_and_nothing_happens(
    fleet: Fleet, readings: list[Reading], past: Past
) -> None:
    silent = [replace(each, metric=None) for each in readings]
    assert decide(replace(fleet, readers=0, removable=0), silent, past).to is None


@given(st.integers(1, MOST_READERS), METRICS, st.floats(0.5, 1000))
def test_what_is_wanted_meets_the_target_and_one_reader_less_would_not(
    readers: int, metric: float, target: float
) -> None:
    number = wanted(readers, metric, target)
    load = readers * metric
    assert load <= number * target * (1 + 1e-8)
    assert number == 0 or load > (number - 1) * target * (1 - 1e-8)


@given(FLEETS, TRACKINGS, METRICS, METRICS)
def test_more_load_never_means_fewer_readers(
    fleet: Fleet, policy: Tracking, one: float, other: float
) -> None:
    def goes_to(metric: float) -> int:
        points: list[Point] = [metric] * LOW_POINTS
        reading = Reading(policy, metric, high_alarm(points, policy, OK), low_alarm(points, policy, OK))
        to = decide(fleet, [reading], NEVER).to
        return fleet.readers if to is None else to

    less, more = sorted((one, other))
    assert goes_to(less) <= goes_to(more)


@given(FLEETS, TRACKINGS, METRICS)
def test_what_was_removed_is_not_wanted_back(fleet: Fleet, policy: Tracking, metric: float) -> None:
    """The same load over the readers that are left makes no policy ask for more of them: no flapping."""
    low = min(metric, policy.low_threshold * 0.99)
    to = decide(fleet, [too_low(low, policy)], NEVER).to
    if to:
        left = replace(fleet, readers=to, removable=0)
        assert decide(left, [too_high(fleet.readers * low / to, policy)], NEVER).to is None
