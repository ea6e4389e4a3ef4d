"""Answers that are held back for a waiter until there is something new to say.

A waiter asks every 30 s. Where AWS takes minutes the local region takes a second, so an answer that is held
until the change has come lets a learner wait that second and not the rest of the 30.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aurora_lab.region.api.context import RequestContext

LOOK_SECONDS = 0.25
"""How long a change that nobody announced can go unseen."""


class Holds:
    """How many answers may be held at once. Each takes a thread of the HTTP server while it is held."""

    def __init__(self, most: int = 32) -> None:
        self._places = threading.BoundedSemaphore(most)
        self._closed = threading.Event()

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Take a place; the block learns whether there was one."""
        taken = self._places.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                self._places.release()

    @property
    def closed(self) -> bool:
        """Whether the region is about to stop, so that no answer may be held any longer."""
        return self._closed.is_set()

    def close(self) -> None:
        """Let every held answer go; the last ones within LOOK_SECONDS."""
        self._closed.set()


def hold(
    context: RequestContext,
    settled: Callable[[], bool],
    changed: threading.Condition,
    seconds: float = 20.0,
) -> bool:
    """Hold the answer to a waiter until `settled()`, at most `seconds` of real time. Returns `settled()`.

    `changed` is notified by whoever changes what `settled` looks at. Anyone but a waiter gets the answer at once,
    and so does a waiter when too many answers are held already: it asks again, as it would on AWS.
    Neither the caller nor `settled` may hold `changed`. The default stays below the 60 s after which
    clients give up reading.
    """
    now = settled()
    if now or not context.waiter:
        return now
    deadline = time.monotonic() + seconds
    with context.holds.place() as granted:
        if not granted:
            return False
        while not context.holds.closed and (left := deadline - time.monotonic()) > 0:
            # `settled` is not asked with the condition's lock held: it reads the state file, whose lock the one
            # who notifies may hold. A notification lost in between costs LOOK_SECONDS.
            with changed:
                changed.wait(min(left, LOOK_SECONDS))
            if settled():
                return True
    return False
