"""The capacity of a Serverless v2 instance: the documented figures, and what holds for any load."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.models.serverless import (
    AT_ONCE,
    CALM_SECONDS,
    SMALLEST,
    STEP,
    Bounds,
    Load,
    Point,
    State,
    acu_seconds,
    bounds,
    increment,
    needed,
    next_second,
    resume_seconds,
    run,
)

steps = st.integers(0, 512).map(lambda number: number * STEP)
running = st.integers(1, 512).map(lambda number: number * STEP)
ranges = st.tuples(steps, running).map(lambda pair: bounds(min(pair), max(*pair, 1.0)))
states = st.builds(State, running, st.integers(0, CALM_SECONDS - 1))


@pytest.mark.parametrize(
    ("load", "acus"),
    [
        (Load(), 0.0),
        (Load(vcpus=0.7), 4.0),  # four quarters of a vCPU, each used to 70 %
        (Load(memory=3 << 30), 1.5),
        (Load(connections=1), 0.5),
        (Load(connections=823), 4.0),  # FACTS 5.11: what `max_connections` is with 4 ACUs
        (Load(vcpus=0.1, memory=9 << 30), 4.5),
    ],
)
def test_what_a_load_needs(load: Load, acus: float) -> None:
    assert needed(load, 1.0) == acus


def test_where_the_cpu_is_used_up_the_need_is_twice_what_there_is() -> None:
    assert needed(Load(vcpus=0.1, throttled=True), 3.0) == 6.0


@pytest.mark.parametrize(
    ("platform", "after"),
    [
        (1, [1.0, 1.5, 2.0, 3.0, 4.5]),
        (2, [1.0, 1.5, 2.0, 3.0, 4.5]),
        (3, [12.5, 24.5, 36.5]),
        (4, [12.5, 24.5]),
    ],
)
def test_how_fast_it_grows(platform: int, after: list[float]) -> None:
    """FACTS 5.5, 5.6: on platforms 3 and 4 twelve ACUs at once; before, the faster the more there is."""
    _, changes = run(State(0.5), 100.0, Bounds(0.5, 128.0, platform), len(after))
    assert [acus for _, acus in changes] == after


def test_it_shrinks_gradually_and_to_the_floor() -> None:
    state, changes = run(State(4.0), 0.0, bounds(0.5, 16.0), 1000)
    assert state.acus == 0.5
    assert [acus for _, acus in changes] == [3.5, 3.0, 2.5, 2.0, 1.5, 1.0, 0.5]
    assert {later - earlier for (earlier, _), (later, _) in pairwise(changes)} == {CALM_SECONDS}


def test_a_reader_of_a_low_tier_has_at_least_what_the_writer_has_and_may_have_more() -> None:
    """FACTS 5.8."""
    following = bounds(0.5, 16.0, following=6.0)
    assert run(State(0.5), 0.0, following, 1)[0].acus == 6.0
    assert run(State(6.0), 9.0, following, 1)[0].acus == 9.0
    assert bounds(0.5, 4.0, following=8.0).floor == 4.0


@pytest.mark.parametrize(("minimum", "maximum"), [(0, 0.5), (2, 1), (-1, 4)])
def test_a_range_that_aurora_refuses(minimum: float, maximum: float) -> None:
    with pytest.raises(ValueError, match="no range"):
        bounds(minimum, maximum)


def test_how_long_resuming_takes() -> None:
    """FACTS 5.15."""
    assert (resume_seconds(60), resume_seconds(24 * 3600), resume_seconds(24 * 3600 + 1)) == (15, 15, 30)


@given(states, steps, ranges)
def test_a_second_keeps_within_bounds_and_goes_the_right_way(
    state: State, need: float, allowed: Bounds
) -> None:
    later = next_second(state, need, allowed)
    assert later.acus <= allowed.ceiling
    assert later.acus >= min(state.acus, allowed.floor)
    assert later.acus >= SMALLEST
    assert (later.acus / STEP).is_integer()
    wanted = min(max(need, allowed.floor), allowed.ceiling)
    if state.acus <= allowed.ceiling:
        assert min(state.acus, wanted) <= later.acus <= max(state.acus, wanted)
        assert later.acus - state.acus <= max(AT_ONCE, increment(state.acus, allowed.platform))


@given(states, steps, ranges)
def test_a_steady_need_is_met_in_the_end_and_then_nothing_moves(
    state: State, need: float, allowed: Bounds
) -> None:
    settled, changes = run(state, need, allowed, 100_000)
    assert settled.acus == min(max(need, allowed.floor), allowed.ceiling)
    assert next_second(settled, need, allowed).acus == settled.acus
    directions = {
        later > earlier for earlier, later in pairwise([state.acus, *(acus for _, acus in changes)])
    }
    assert len(directions) <= 1


@given(st.floats(0, 64), st.floats(0, 64), st.integers(0, 1 << 40), st.integers(0, 5000))
def test_more_load_never_needs_less(one: float, two: float, memory: int, connections: int) -> None:
    less, more = sorted((one, two))
    assert needed(Load(less), 1.0) <= needed(Load(more), 1.0)
    assert needed(Load(less), 1.0) <= needed(Load(less, memory, connections), 1.0)


points = st.lists(
    st.tuples(st.integers(0, 10_000), steps, st.sampled_from([1.0, 10.0, 300.0])), max_size=20
).map(
    lambda found: [Point(float(at), acus, scale) for at, acus, scale in sorted(found, key=lambda it: it[0])]
)


@given(points, st.integers(0, 12_000), st.integers(0, 12_000))
def test_what_is_billed_adds_up_over_time(history: list[Point], one: int, two: int) -> None:
    early, late = sorted((float(one), float(two)))
    whole = acu_seconds(history, late)
    assert whole == pytest.approx(acu_seconds(history, early) + acu_seconds(history, late, since=early))
    assert whole >= 0


def test_a_curve_by_hand() -> None:
    curve = [Point(100.0, 2.0, 10.0), Point(110.0, 0.0, 10.0), Point(120.0, 4.0, 1.0)]
    assert acu_seconds(curve, 130.0) == 2 * 10 * 10 + 0 + 4 * 10
    assert acu_seconds([], 130.0) == 0
