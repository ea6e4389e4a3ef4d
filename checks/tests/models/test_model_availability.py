"""Availability and durability of quorums: theory beside simulation, and the papers' statements (FACTS 1.5, 2.3)."""

from __future__ import annotations

from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_lab.models.availability import (
    ONE_IN_EACH_OF_THREE,
    RATES,
    TWO_IN_EACH_OF_THREE,
    Placement,
    Rates,
    availability,
    copies_up,
    lost_within,
    mean_time_to_loss,
    simulate,
    simulate_times_to_loss,
    smallest_losses,
    unavailability,
)
from aurora_lab.models.quorum import AURORA, TWO_OF_THREE

QUICK = Rates(copy_mttf=10, copy_mttr=1, az_mttf=50, az_mttr=5)
"""Rates at which something happens soon."""
TIMES = st.floats(0.01, 1000)
ANY_RATES = st.builds(Rates, TIMES, TIMES, TIMES, TIMES)
PLACEMENTS = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(lambda each: Placement(tuple(each)))


@pytest.mark.parametrize("placement", [TWO_IN_EACH_OF_THREE, ONE_IN_EACH_OF_THREE, Placement((3, 1))])
def test_simulation_and_theory_agree_on_availability(placement: Placement) -> None:
    seen = [simulate(placement, QUICK, hours=20_000, seed=seed) for seed in range(8)]
    for needed in range(1, placement.total + 1):
        shares = [each.availability(needed) for each in seen]
        error = stdev(shares) / len(shares) ** 0.5
        assert fmean(shares) == pytest.approx(availability(needed, placement, QUICK), abs=5 * error + 1e-9)


@pytest.mark.parametrize("needed", [AURORA.write, AURORA.read])
def test_simulation_and_theory_agree_on_the_time_to_loss(needed: int) -> None:
    times = simulate_times_to_loss(needed, TWO_IN_EACH_OF_THREE, QUICK, runs=1500, seed=7)
    error = stdev(times) / len(times) ** 0.5
    assert fmean(times) == pytest.approx(
        mean_time_to_loss(needed, TWO_IN_EACH_OF_THREE, QUICK), abs=5 * error
    )


def test_the_same_seed_gives_the_same_run() -> None:
    runs = [simulate(TWO_IN_EACH_OF_THREE, QUICK, hours=500, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_one_copy_that_never_shares_an_az_is_the_textbook() -> None:
    # One copy fails at 1/MTTF; its AZ at its own rate; the first of the two ends it.
    assert mean_time_to_loss(1, Placement((1,)), QUICK) == pytest.approx(1 / (1 / 10 + 1 / 50))
    # Two copies in AZs that never fail: (3λ + μ) / 2λ².
    safe = Rates(copy_mttf=10, copy_mttr=1, az_mttf=1e12, az_mttr=1)
    assert mean_time_to_loss(1, Placement((1, 1)), safe) == pytest.approx((3 / 10 + 1) / (2 / 100), rel=1e-6)


@given(PLACEMENTS, ANY_RATES)
@settings(deadline=None)
def test_shares_are_shares(placement: Placement, rates: Rates) -> None:
    shares = copies_up(placement, rates)
    assert len(shares) == placement.total + 1
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0
    for needed in range(placement.total + 2):
        both = availability(needed, placement, rates) + unavailability(needed, placement, rates)
        assert both == pytest.approx(1)


@given(ANY_RATES)
@settings(deadline=None, max_examples=25)
def test_needing_more_is_never_safer(rates: Rates) -> None:
    times = [mean_time_to_loss(needed, TWO_IN_EACH_OF_THREE, rates) for needed in range(1, 8)]
    assert times == sorted(times, reverse=True)
    assert times[-1] == 0.0
    reading = availability(AURORA.read, TWO_IN_EACH_OF_THREE, rates)
    assert reading >= availability(AURORA.write, TWO_IN_EACH_OF_THREE, rates)


def test_with_an_az_out_one_more_stops_writes_and_two_more_stop_reads() -> None:
    for az in range(3):
        left = set(range(6)) - {2 * az, 2 * az + 1}
        writes = smallest_losses(AURORA.write, TWO_IN_EACH_OF_THREE, az)
        assert writes == {(number,) for number in left}
        reads = smallest_losses(AURORA.read, TWO_IN_EACH_OF_THREE, az)
        assert {len(lost) for lost in reads} == {2}
        assert {number for lost in reads for number in lost} == left
    assert {len(lost) for lost in smallest_losses(AURORA.write, TWO_IN_EACH_OF_THREE)} == {3}


NO_MORE_OUTAGES = Rates(RATES.copy_mttf, RATES.copy_mttr, az_mttf=1e15, az_mttr=1)
FOUR_LEFT, TWO_LEFT = Placement((2, 2)), Placement((1, 1))
"""What an outage of one AZ leaves of six copies and of three."""


def test_during_an_outage_of_an_az_six_copies_are_safe_and_three_are_not() -> None:
    six = mean_time_to_loss(AURORA.read, FOUR_LEFT, NO_MORE_OUTAGES)
    three = mean_time_to_loss(TWO_OF_THREE.read, TWO_LEFT, NO_MORE_OUTAGES)
    assert three == pytest.approx(RATES.copy_mttf / 2)
    assert six > 100_000 * three
    assert lost_within(RATES.az_mttr, six) < lost_within(RATES.az_mttr, three) / 100_000


def test_quick_repair_is_what_makes_it_safe() -> None:
    # A segment of 10 GB is there again in ten seconds; a whole disk would take hours (FACTS 2.3).
    disk = Rates(RATES.copy_mttf, 3.0, NO_MORE_OUTAGES.az_mttf, 1)
    quick, late = (mean_time_to_loss(AURORA.read, FOUR_LEFT, each) for each in (NO_MORE_OUTAGES, disk))
    # The second failure must come within the repair: a thousand times shorter, a thousand times rarer.
    assert quick / late == pytest.approx(disk.copy_mttr / RATES.copy_mttr, rel=0.01)


def test_six_copies_are_better_all_in_all() -> None:
    six = mean_time_to_loss(AURORA.read, TWO_IN_EACH_OF_THREE, RATES)
    assert six > 10 * mean_time_to_loss(TWO_OF_THREE.read, ONE_IN_EACH_OF_THREE, RATES)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Rates(1, 0, 1, 1)
    with pytest.raises(ValueError, match="at least one copy"):
        Placement((2, 0))
    with pytest.raises(ValueError, match="same size"):
        mean_time_to_loss(1, Placement((2, 1)), QUICK)
