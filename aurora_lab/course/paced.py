"""What a graded cell prints: sent as fast as it is taken, so that it cannot pile up in the kernel's memory."""

from __future__ import annotations

from ipykernel.iostream import OutStream

UNSENT_CHARACTERS = 500_000
"""What may wait to be sent; ZeroMQ's queue holds 1,000 messages, which is then less than a kernel's memory."""


class PacedStream(OutStream):
    """Standard output or error of a kernel. ipykernel's own takes all that is written within 0.2 s as one message."""

    _unsent = 0

    def write(self, string: str) -> int:
        """Write, and wait for what was written before to be sent where that is much."""
        written = super().write(string) or 0
        self._unsent += len(string)
        if self._unsent > UNSENT_CHARACTERS:
            self._unsent = 0
            self.flush()  # type: ignore[no-untyped-call]
        return written
