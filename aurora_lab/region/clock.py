"""The lab clock: documented durations pass `scale` times faster than on AWS."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

DEFAULT_SCALE = 10.0
MIN_SCALE, MAX_SCALE = 0.1, 1000.0


class LabClock:
    """Turns durations of the documentation (lab seconds) into real ones.

    Only durations are scaled. The time of day in the API's answers and in the event log is the real one, so
    that it can be compared with what a client's own clock says.
    """

    def __init__(self, scale: float = DEFAULT_SCALE) -> None:
        self._lock = threading.Lock()
        self._scale = scale

    @property
    def scale(self) -> float:
        """How many lab seconds pass in one real second."""
        with self._lock:
            return self._scale

    @scale.setter
    def scale(self, scale: float) -> None:
        """Raises ValueError outside 0.1 … 1000."""
        if not MIN_SCALE <= scale <= MAX_SCALE:
            raise ValueError(f"The scale of the lab clock must be from {MIN_SCALE} to {MAX_SCALE:g}.")
        with self._lock:
            self._scale = scale

    def real(self, lab_seconds: float) -> float:
        """How long `lab_seconds` take, in real seconds."""
        return lab_seconds / self.scale


def timestamp(moment: datetime | None = None) -> str:
    """`moment` (or now) as the API writes it: ISO 8601 in UTC with milliseconds."""
    moment = moment or datetime.now(UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
