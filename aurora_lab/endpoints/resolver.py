"""The resolver: what a client's name lookup answers, with the memory that real ones have.

An answer is kept for one TTL, as the DNS caches between a client and Aurora keep it: until it expires,
everyone gets the same answer, also when the zone has changed since (FACTS 3.16). Two surprises follow, and
both are Aurora's. After a failover the writer's name may lead to the old writer for one TTL. And connections
opened within one TTL through the reader endpoint all reach the same reader, because the name is resolved
once (FACTS 3.9, 3.10). That a name does not exist is not remembered, nor that nothing is behind it.
"""

from __future__ import annotations

import difflib
import random
import threading
import time
from collections.abc import Callable

from aurora_lab.endpoints.names import normal
from aurora_lab.endpoints.zone import Target, Zone

SUGGESTIONS = 6
"""At most so many existing names are listed when an unknown one is asked for."""


class ResolutionError(Exception):
    """A name leads nowhere."""


class UnknownNameError(ResolutionError):
    """The region has no such name. `existing` are names that it has, those most like it first."""

    def __init__(self, name: str, existing: tuple[str, ...]) -> None:
        super().__init__(f"The region has no endpoint named {name}.")
        self.name = name
        self.existing = existing


class NoTargetError(ResolutionError):
    """The name exists, but no instance is behind it. The message says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason or "no instance is a member of the endpoint")
        self.name = name


class Resolver:
    """Answers names from a zone. Safe to share between threads.

    `ttl` gives the seconds of real time for which an answer holds. It is asked at each lookup, so that a
    new setting counts at once, for answers already given too. `now` is a clock in seconds.
    """

    def __init__(
        self,
        zone: Zone,
        ttl: Callable[[], float],
        rng: random.Random | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._zone = zone
        self._ttl = ttl
        self._rng = rng or random.Random()
        self._now = now
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, Target]] = {}

    def resolve(self, name: str) -> Target:
        """The instance that `name` leads to, in upper or lower case.

        Raises UnknownNameError or NoTargetError.
        """
        name = normal(name)
        with self._lock:
            now, ttl = self._now(), self._ttl()
            if answer := self._answers.get(name):
                since, target = answer
                if now - since < ttl:
                    return target
            record = self._zone.find(name)
            if record is not None and record.targets:
                target = self._rng.choice(record.targets)
                # What has expired goes here, so that the names of deleted clusters do not pile up.
                self._answers = {old: kept for old, kept in self._answers.items() if now - kept[0] < ttl}
                self._answers[name] = (now, target)
                return target
        if record is not None:
            raise NoTargetError(name, record.fallback)
        alike = difflib.get_close_matches(name, self._zone.names(), n=SUGGESTIONS, cutoff=0.0)
        raise UnknownNameError(name, tuple(alike))

    def flush(self) -> None:
        """Forget every answer, as a client with a fresh cache."""
        with self._lock:
            self._answers.clear()
