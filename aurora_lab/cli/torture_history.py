"""What clients were told, and what must be true of it in the end: the referee's part of `aurora-lab torture`.

no write that was acknowledged is missing
no write appears twice
what was never sent does not appear
in one session on a reader, rows never disappear
in one timeline of the log, one instance acknowledges
nobody acknowledges what was sent after a later timeline has acknowledged
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class History:
    """What clients were told. Safe to share between threads."""

    sent: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    writers: dict[str, set[str]] = field(default_factory=dict)
    """Who acknowledged, by timeline (eight hexadecimal digits)."""
    shown: set[int] = field(default_factory=set)
    """The newest rows that readers showed."""
    noticed: list[str] = field(default_factory=list)
    """What was wrong as soon as it was seen."""
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self) -> tuple[int, str]:
        """The number of a write that is about to be sent, and the newest timeline that has acknowledged by now."""
        with self._lock:
            self._next += 1
            self.sent.add(self._next)
            return self._next, max(self.writers, default="")

    def acknowledge(self, number: int, writer: str, timeline: str, newest: str) -> None:
        """A write was acknowledged; `newest` as it was when the write was sent."""
        with self._lock:
            self.acknowledged.add(number)
            self.writers.setdefault(timeline, set()).add(writer)
            if timeline < newest:
                self.noticed.append(
                    f"{writer} acknowledged {number} in timeline {timeline}, sent after {newest} had begun"
                )

    def show(self, reader: str, newest: int | None, rows: int, before: int) -> None:
        """A reader showed so many rows; `before`, as many as the same session had seen."""
        with self._lock:
            if newest is not None:
                self.shown.add(newest)
            if rows < before:
                self.noticed.append(f"on {reader} {rows} rows were read after {before}")

    def violations(self, rows: Sequence[int]) -> list[str]:
        """What is wrong, given the rows that are there in the end."""
        there = set(rows)
        found = list(self.noticed)
        if missing := self.acknowledged - there:
            found.append(f"{len(missing)} acknowledged writes are missing, such as {min(missing)}")
        if len(rows) != len(there):
            found.append(f"{len(rows) - len(there)} writes appear twice")
        if invented := there - self.sent:
            found.append(f"{len(invented)} rows were never written, such as {min(invented)}")
        for timeline, names in self.writers.items():
            if len(names) > 1:
                found.append(f"in timeline {timeline} {', '.join(sorted(names))} acknowledged")
        return found

    def vanished(self, rows: Sequence[int]) -> int:
        """How many rows a reader has shown that were never acknowledged, and are not there in the end.

        No promise of this lab: on Aurora a reader shows nothing beyond the VDL (FACTS 2.38), while a PostgreSQL
        standby shows what it has received, also before a write quorum has it.
        """
        return len(self.shown - set(rows) - self.acknowledged)
