"""Amounts over time as step functions, added up exactly.

A capacity in ACU, a volume's size in GB, a rate of I/Os an hour: each holds its value until the next step. What is
billed is the area below (FACTS 5.21, 8.1): ACU-hours, GB-hours, I/Os. All numbers are fractions, so that a bill
of a day is exactly the sum of the bills of its hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

Number = Fraction | Decimal | int | float


@dataclass(frozen=True, slots=True)
class Curve:
    """Steps `(hour, value)` with rising hours; 0 before the first, and the last goes on.

    Raises ValueError for a negative value, hours that do not rise, and numbers that are not finite.
    """

    points: tuple[tuple[Fraction, Fraction], ...] = ()

    def __post_init__(self) -> None:
        hours = [hour for hour, _ in self.points]
        if any(later <= earlier for earlier, later in pairwise(hours)):
            raise ValueError("the hours of a curve must rise")
        if any(value < 0 for _, value in self.points):
            raise ValueError("a curve cannot be below 0")

    @classmethod
    def steps(cls, points: Iterable[tuple[Number, Number]]) -> Curve:
        """From `(hour, value)` in any order; of several at the same hour the last counts."""
        found = {exact(hour): exact(value) for hour, value in points}
        return cls(tuple(sorted(found.items())))

    @classmethod
    def constant(cls, value: Number, start: Number = 0, end: Number | None = None) -> Curve:
        """`value` from `start` to `end`, or for ever."""
        steps: list[tuple[Number, Number]] = [(start, value)]
        if end is not None:
            steps = [*steps, (end, 0)] if exact(start) < exact(end) else []
        return cls.steps(steps)

    def integral(self, start: Number, end: Number) -> Fraction:
        """The area from hour `start` to hour `end`."""
        first, last = exact(start), exact(end)
        total = Fraction(0)
        for number, (hour, value) in enumerate(self.points):
            until = self.points[number + 1][0] if number + 1 < len(self.points) else last
            total += value * max(Fraction(0), min(until, last) - max(hour, first))
        return total

    def at(self, hour: Number) -> Fraction:
        """The value at `hour`."""
        return next((value for start, value in reversed(self.points) if start <= exact(hour)), Fraction(0))

    def times(self, factor: Number) -> Curve:
        """Each value `factor` times as high."""
        return Curve(tuple((hour, value * exact(factor)) for hour, value in self.points))

    def repeated(self, every: Number, until: Number) -> Curve:
        """The part from hour 0 to hour `every`, again and again until hour `until`."""
        length, last, begin = exact(every), exact(until), Fraction(0)
        if length <= 0:
            raise ValueError("a curve cannot be repeated every 0 hours")
        points: dict[Fraction, Fraction] = {}
        while begin < last:
            points[begin] = self.at(0)
            points |= {begin + hour: value for hour, value in self.points if 0 <= hour < length}
            begin += length
        return Curve(tuple(sorted(points.items())))

    def plus(self, other: Curve) -> Curve:
        """Both together."""
        return self._with(other, lambda one, two: one + two)

    def over(self, other: Curve) -> Curve:
        """By how much it is above `other`; 0 where it is not."""
        return self._with(other, lambda one, two: max(one - two, Fraction(0)))

    def _with(self, other: Curve, combine: Callable[[Fraction, Fraction], Fraction]) -> Curve:
        hours = sorted({hour for hour, _ in self.points + other.points})
        return Curve(tuple((hour, combine(self.at(hour), other.at(hour))) for hour in hours))


def exact(number: Number) -> Fraction:
    """The number without loss. Raises ValueError where it is not finite."""
    try:
        return Fraction(number)
    except OverflowError as error:
        raise ValueError("a number must be finite") from error
