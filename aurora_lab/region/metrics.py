"""What the region measures of itself and CloudWatch shows, in the namespace AWS/RDS.

The samples wait here until somebody asks CloudWatch for the first time, or again: moto is imported no earlier.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

NAMESPACE = "AWS/RDS"
KEPT = 10_000
"""Samples that wait at most; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric at one moment."""

    name: str
    dimensions: tuple[tuple[str, str], ...]
    value: float
    unit: str
    """CloudWatch's word: Bytes, Count, Milliseconds …"""
    at: datetime


class Metrics:
    """Samples that CloudWatch has not been given yet. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Sample] = deque(maxlen=KEPT)

    def note(self, name: str, value: float, unit: str, **dimensions: str) -> None:
        """Add a sample of now."""
        sample = Sample(name, tuple(dimensions.items()), value, unit, datetime.now(UTC))
        with self._lock:
            self._waiting.append(sample)

    def drain(self) -> list[Sample]:
        """All that wait, oldest first; they wait no longer."""
        with self._lock:
            found = list(self._waiting)
            self._waiting.clear()
        return found
