"""A lock for roles: one thread changes them, or several work under them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class RoleLock:
    """Held by one thread alone (`with lock:`), or by several at once (`with lock.shared():`).

    Who holds it alone may take it again, either way. A waiting change of roles goes before new sharers, so that
    a failover does not wait for readers that are still to be made.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._owner: int | None = None
        self._depth = 0
        self._sharers = 0
        self._waiting = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._condition:
            if self._owner != me:
                self._waiting += 1
                try:
                    self._condition.wait_for(lambda: self._owner is None and not self._sharers)
                finally:
                    self._waiting -= 1
                self._owner = me
            self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._condition:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._condition.notify_all()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with other sharers."""
        with self._condition:
            mine = self._owner == threading.get_ident()
            if not mine:
                self._condition.wait_for(lambda: self._owner is None and not self._waiting)
                self._sharers += 1
        try:
            yield
        finally:
            if not mine:
                with self._condition:
                    self._sharers -= 1
                    self._condition.notify_all()
