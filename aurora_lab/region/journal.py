"""Which connection was led where: what a check, a lesson or a person asks when a name led to a surprise."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import islice

from aurora_lab.endpoints.names import normal
from aurora_lab.endpoints.resolver import Resolver
from aurora_lab.endpoints.zone import Target, Zone
from aurora_lab.region.clock import timestamp

KEPT = 10_000
"""Connections that are remembered; older ones are forgotten."""


class Journal:
    """The newest connections, oldest first. Safe to share between threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._entries: deque[tuple[str, str, str]] = deque(maxlen=kept)

    def note(self, host: str, instance: str) -> None:
        """A connection that asked for `host` was led to `instance`."""
        with self._lock:
            self._entries.append((timestamp(), normal(host), instance))

    def connections(self, host: str | None = None) -> list[dict[str, str]]:
        """The connections made to a host name, or all: when, to which name, and where they were led."""
        with self._lock:
            entries = list(self._entries)
        wanted = normal(host) if host else None
        return [
            {"at": at, "host": name, "instance": instance}
            for at, name, instance in entries
            if wanted in (None, name)
        ]

    def newest(self, count: int, known: Callable[[str], bool] = lambda _: True) -> list[dict[str, str]]:
        """The last `count` connections to names that are `known`, oldest first; as `connections` gives them."""
        with self._lock:
            entries = list(islice((item for item in reversed(self._entries) if known(item[1])), count))
        return [{"at": at, "host": name, "instance": instance} for at, name, instance in entries[::-1]]


class NotingResolver(Resolver):
    """A resolver that writes down what it answered to each connection."""

    def __init__(self, journal: Journal, zone: Zone, ttl: Callable[[], float]) -> None:
        super().__init__(zone, ttl)
        self._journal = journal

    def resolve(self, name: str) -> Target:
        """As Resolver.resolve."""
        target = super().resolve(name)
        self._journal.note(name, target.instance)
        return target
