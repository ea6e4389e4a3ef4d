"""A thread of the region that looks at the documents again and again, and does what there is to do."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger(__name__)

END_SECONDS = 60.0


class Watcher(threading.Thread):
    """Looks when it is woken and when its time has come, until it is told to finish."""

    def __init__(self, name: str, retry_seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self._retry_seconds = retry_seconds
        self._wake = threading.Event()
        self._finishing = False

    def wake(self) -> None:
        """Have it look at once."""
        self._wake.set()

    def finish(self) -> None:
        """End the thread."""
        self._finishing = True
        self.wake()
        if self.is_alive():
            self.join(timeout=END_SECONDS)

    def run(self) -> None:
        """Look, and do what there is to do, until the region closes."""
        while not self._finishing:
            self._wake.clear()
            pause: float | None = self._retry_seconds
            try:
                pause = self.look()
            except Exception:
                log.exception("%s: a look failed and is tried again", self.name)
            self._wake.wait(pause)

    def look(self) -> float | None:
        """One pass. Returns after how many seconds to look again; None: only when woken."""
        raise NotImplementedError
