"""How often a quorum is there, and how long until it is not: theory beside a seeded simulation (FACTS 1.4, 1.5).

What is assumed, and holds for both:

    1. a copy fails by itself after an exponential time and is repaired after another (MTTF, MTTR)
    2. so does an AZ, and while it is out every copy in it is out too, whatever its own state
    3. all of these are independent; a copy can fail while its AZ is out

Where outages of AZs are long and independent, two of them at once outweigh all else, for any quorum. What six
copies are better at than three shows once an AZ is out already: ask for the AZs that are left.

Any V, Vw, Vr, AZs and rates can be asked about. All times are in hours; figures that fit are in `RATES`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, exp

HOURS_A_YEAR = 8766.0
State = tuple[tuple[int, int], ...]
"""Of each AZ: whether it is out (0 or 1), and how many of its copies have failed by themselves; sorted, because
AZs of the same size are alike."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How many copies each AZ holds. Raises ValueError where there are none."""

    copies: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.copies or min(self.copies) < 1:
            raise ValueError("every AZ must hold at least one copy")

    @property
    def total(self) -> int:
        """V."""
        return sum(self.copies)


TWO_IN_EACH_OF_THREE = Placement((2, 2, 2))
"""Aurora's (FACTS 1.4)."""
ONE_IN_EACH_OF_THREE = Placement((1, 1, 1))


@dataclass(frozen=True, slots=True)
class Rates:
    """Mean times in hours. Raises ValueError for one that is not positive."""

    copy_mttf: float
    copy_mttr: float
    az_mttf: float
    az_mttr: float

    def __post_init__(self) -> None:
        if min(self.copy_mttf, self.copy_mttr, self.az_mttf, self.az_mttr) <= 0:
            raise ValueError("mean times must be positive")

    @property
    def copy_up(self) -> float:
        """The share of time in which a copy has not failed by itself."""
        return self.copy_mttf / (self.copy_mttf + self.copy_mttr)

    @property
    def az_up(self) -> float:
        """The share of time in which an AZ is not out."""
        return self.az_mttf / (self.az_mttf + self.az_mttr)


RATES = Rates(copy_mttf=HOURS_A_YEAR, copy_mttr=10 / 3600, az_mttf=10 * HOURS_A_YEAR, az_mttr=6)
"""A copy fails once a year and is rebuilt in ten seconds, as a 10 GB segment is on a 10 Gbit/s link (FACTS 2.3).
The other figures are only examples: AWS publishes none."""


# Theory.


def copies_up(placement: Placement, rates: Rates) -> list[float]:
    """The share of time in which exactly 0, 1, … V copies are there, in the long run."""
    total = [1.0]
    for copies in placement.copies:
        zone = [
            rates.az_up * comb(copies, up) * rates.copy_up**up * (1 - rates.copy_up) ** (copies - up)
            for up in range(copies + 1)
        ]
        zone[0] += 1 - rates.az_up
        total = [
            sum(total[up - here] * zone[here] for here in range(copies + 1) if 0 <= up - here < len(total))
            for up in range(len(total) + copies)
        ]
    return total


def availability(needed: int, placement: Placement, rates: Rates) -> float:
    """The share of time in which at least `needed` copies are there (Vw: writes; Vr: reads)."""
    return sum(copies_up(placement, rates)[needed:])


def unavailability(needed: int, placement: Placement, rates: Rates) -> float:
    """The rest, without the loss of digits that subtracting `availability` from 1 has."""
    return sum(copies_up(placement, rates)[:needed])


def mean_time_to_loss(needed: int, placement: Placement, rates: Rates) -> float:
    """Mean hours from full health until fewer than `needed` copies are there for the first time.

    With `needed` = Vr that is when repair from the other copies becomes impossible. Exact for the assumptions:
    the Markov chain of all states, whose states are taken away one after the other without ever subtracting,
    so that very long times keep their digits too.
    """
    start: State = tuple(sorted((0, 0) for _ in placement.copies))
    if len(set(placement.copies)) > 1:
        raise ValueError("AZs must be of the same size for this")
    size = placement.copies[0]
    if placement.total < needed:
        return 0.0
    flows: dict[State, Counter[State | None]] = {}
    found = [start]
    for state in found:  # grows while it is read
        flows[state] = Counter()
        for following, rate in _moves(state, size, rates):
            lost = sum(size - failed for out, failed in following if not out) < needed
            flows[state][None if lost else following] += rate  # type: ignore[assignment]
            if not lost and following not in found:
                found.append(following)
    return _mean_time(flows, found)


def lost_within(hours: float, mean_time: float) -> float:
    """The chance of at least one loss within `hours`, for losses that are rare."""
    return 1 - exp(-hours / mean_time) if mean_time else 1.0


def smallest_losses(needed: int, placement: Placement, az_out: int | None = None) -> set[tuple[int, ...]]:
    """The smallest sets of copies, by number, whose loss leaves fewer than `needed`; one AZ may be out already.

    Copies are numbered through the AZs. With an AZ of Aurora's out, two more copies make reads impossible, and
    one more makes writes impossible: what AZ+1 is about (FACTS 1.5, 2.3).
    """
    zones = [zone for zone, copies in enumerate(placement.copies) for _ in range(copies)]
    left = [number for number, zone in enumerate(zones) if zone != az_out]
    more = len(left) - needed + 1
    return set(combinations(left, more)) if more > 0 else {()}


# Simulation.


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen in a simulation."""

    hours: float
    shares: tuple[float, ...]
    """The share of time in which exactly 0, 1, … V copies were there."""

    def availability(self, needed: int) -> float:
        """The share of time in which at least `needed` copies were there."""
        return sum(self.shares[needed:])


class _World:
    """Copies and AZs that fail and come back, each at its own exponential times."""

    def __init__(self, placement: Placement, rates: Rates, rng: random.Random) -> None:
        self._zones = [zone for zone, copies in enumerate(placement.copies) for _ in range(copies)]
        self._rates, self._random = rates, rng
        self._copies = [True] * len(self._zones)
        self._azs = [True] * len(placement.copies)

    def up(self) -> int:
        """How many copies are there now."""
        return sum(copy and self._azs[zone] for copy, zone in zip(self._copies, self._zones, strict=True))

    def step(self) -> float:
        """Pass to the next change; the hours until then."""
        rates = self._rates
        parts: list[tuple[list[bool], int, float]] = [
            (self._copies, number, 1 / (rates.copy_mttf if up else rates.copy_mttr))
            for number, up in enumerate(self._copies)
        ]
        parts += [
            (self._azs, number, 1 / (rates.az_mttf if up else rates.az_mttr))
            for number, up in enumerate(self._azs)
        ]
        weights = [rate for _, _, rate in parts]
        ((states, number, _),) = self._random.choices(parts, weights)
        states[number] = not states[number]
        return self._random.expovariate(sum(weights))


def simulate(placement: Placement, rates: Rates, hours: float, seed: int) -> Observed:
    """Watch the copies for so long, from full health; the same seed gives the same run."""
    world = _World(placement, rates, random.Random(seed))
    spent = [0.0] * (placement.total + 1)
    passed = 0.0
    while passed < hours:
        up = world.up()
        lasted = min(world.step(), hours - passed)
        spent[up] += lasted
        passed += lasted
    return Observed(hours, tuple(each / hours for each in spent))


def simulate_times_to_loss(
    needed: int, placement: Placement, rates: Rates, runs: int, seed: int
) -> Sequence[float]:
    """Hours from full health to the first loss, in `runs` lives; meant for rates high enough to see some."""
    rng = random.Random(seed)
    times = []
    for _ in range(runs):
        world, passed = _World(placement, rates, rng), 0.0
        while world.up() >= needed:
            passed += world.step()
        times.append(passed)
    return times


def _moves(state: State, size: int, rates: Rates) -> list[tuple[State, float]]:
    """What may happen in a state, and how often an hour."""
    moves = []
    for zone, (out, failed) in enumerate(state):
        options = [
            ((1 - out, failed), 1 / (rates.az_mttr if out else rates.az_mttf)),
            ((out, failed + 1), (size - failed) / rates.copy_mttf),
            ((out, failed - 1), failed / rates.copy_mttr),
        ]
        for changed, rate in options:
            if rate > 0:
                moves.append((tuple(sorted((*state[:zone], changed, *state[zone + 1 :]))), rate))
    return moves


def _mean_time(flows: dict[State, Counter[State | None]], states: list[State]) -> float:
    """Mean time to absorption (None) from the first state: Grassmann's, Taksar's and Heyman's elimination.

    Taking a state away sends what flowed into it on to where it led, and its time along with it.
    """
    times = dict.fromkeys(states, 1.0)
    for gone in reversed(states[1:]):
        leaving = flows.pop(gone)
        del leaving[gone]
        total = sum(leaving.values())
        for state, flow in flows.items():
            share = flow.pop(gone, 0.0) / total
            if share:
                times[state] += share * times[gone]
                for following, rate in leaving.items():
                    flow[following] += share * rate  # type: ignore[assignment]
    (start,) = flows
    return times[start] / flows[start][None]
