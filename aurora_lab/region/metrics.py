"""What the region measures of itself and CloudWatch shows, in the namespace AWS/RDS.

The samples wait here until somebody asks CloudWatch for the first time, or again: moto is imported no earlier.
The newest of each metric stay here too, for whoever acts on them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

NAMESPACE = "AWS/RDS"
KEPT = 20_000
"""Samples that wait at most; older ones are forgotten."""
KEPT_EACH = 300
"""Of each metric, the newest that stay: an alarm looks back 15 minutes (FACTS 6.10), at up to 15 readers."""
KEPT_METRICS = 2000
"""Metrics of which the newest samples stay; those that were new first are forgotten."""

Dimensions = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Spread:
    """Several values of one metric in one lab minute, one a second, as CloudWatch's statistic sets have them."""

    total: float = 0.0
    low: float = 0.0
    high: float = 0.0
    count: int = 0

    @property
    def average(self) -> float:
        """Raises ZeroDivisionError where there is none."""
        return self.total / self.count

    def add(self, value: float, changes: Sequence[tuple[int, float]], seconds: int) -> None:
        """The value was `value`, then what `changes` say: from which second on, and what; for `seconds` in all."""
        since, changes = 1, changes if seconds else ()
        for second, later in (*changes, (seconds + 1, value)):
            if second > since:
                self.low = min(self.low, value) if self.count else value
                self.high = max(self.high, value) if self.count else value
                self.total += value * (second - since)
                self.count += second - since
            value, since = later, second

    def times(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(self.total * factor, self.low * factor, self.high * factor, self.count)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric at one moment."""

    name: str
    about: tuple[Dimensions, ...]
    """Every set of dimensions under which CloudWatch has it."""
    value: float
    unit: str
    """CloudWatch's word: Bytes, Count, Milliseconds …"""
    at: datetime
    spread: Spread | None = None
    """Where it stands for several values: these. `value` is their average then."""


class Metrics:
    """Samples that CloudWatch has not been given yet, and the newest of all. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Sample] = deque(maxlen=KEPT)
        self._newest: dict[tuple[str, Dimensions], deque[Sample]] = {}

    def note(
        self,
        name: str,
        value: float,
        unit: str,
        *about: Mapping[str, str],
        at: datetime | None = None,
        spread: Spread | None = None,
    ) -> None:
        """Add a sample of now (or of `at`) under each of the given sets of dimensions."""
        sets = tuple(_sorted(each) for each in about)
        sample = Sample(name, sets, value, unit, at or datetime.now(UTC), spread)
        with self._lock:
            self._waiting.append(sample)
            for each in sets:
                self._newest.setdefault((name, each), deque(maxlen=KEPT_EACH)).append(sample)
            while len(self._newest) > KEPT_METRICS:
                del self._newest[next(iter(self._newest))]

    def newest(self, name: str, **dimensions: str) -> list[Sample]:
        """The last samples of a metric with exactly these dimensions, oldest first; 300 at most.

        The samples of a cluster's instances that were taken in the same lab minute have the same time.
        """
        with self._lock:
            return list(self._newest.get((name, _sorted(dimensions)), ()))

    def drain(self) -> list[Sample]:
        """All that wait, oldest first; they wait no longer."""
        with self._lock:
            found = list(self._waiting)
            self._waiting.clear()
        return found


def _sorted(dimensions: Mapping[str, str]) -> Dimensions:
    return tuple(sorted(dimensions.items()))
