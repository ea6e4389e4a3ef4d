"""Steps for single readers, which a worker lets run beside its own: a base backup must not hold up a failover."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Real seconds before a failed step may be tried again."""


class Background:
    """At most one step a key at a time, each in a thread of its own; `done` is called after each."""

    def __init__(self, done: Callable[[], None]) -> None:
        self._done = done
        self._lock = threading.Condition()
        self._running: set[str] = set()
        self._not_before: dict[str, float] = {}

    def start(self, key: str, step: Callable[[], object]) -> bool:
        """Run a step; False where one for this key runs, or failed a moment ago."""
        with self._lock:
            if key in self._running or monotonic() < self._not_before.get(key, 0.0):
                return False
            self._running.add(key)
        threading.Thread(target=self._run, args=(key, step), name=f"step {key}", daemon=True).start()
        return True

    def busy(self, key: str) -> bool:
        """Whether a step for this key runs."""
        with self._lock:
            return key in self._running

    def wait(self, seconds: float = 60.0) -> bool:
        """Until no step runs; False if that took longer."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._running, seconds)

    def _run(self, key: str, step: Callable[[], object]) -> None:
        try:
            step()
            pause = 0.0
        except Exception:
            log.exception("a step for %s failed and is tried again", key)
            pause = RETRY_SECONDS
        with self._lock:
            self._not_before[key] = monotonic() + pause
            self._running.discard(key)
            self._lock.notify_all()
        self._done()
