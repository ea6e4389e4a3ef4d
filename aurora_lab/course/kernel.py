"""The kernel in which a submission runs: nbval's, with an environment of its own, and no long wait for the dead."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from nbval.kernel import (  # type: ignore[import-untyped]
    CURRENT_ENV_KERNEL_NAME,
    RunningKernel,
    start_new_kernel,
)

LOOK_SECONDS = 0.25
"""How often a silent kernel is looked at."""


class KernelDiedError(Exception):
    """The kernel's process ended while a cell ran, or before."""


class GradingKernel(RunningKernel):  # type: ignore[misc]
    """A running kernel of this Python. Remembers the last reply, which says `error` where nbval sees nothing."""

    def __init__(self, folder: Path, environment: Mapping[str, str], startup_seconds: float = 60.0) -> None:
        self.reply: dict[str, Any] = {}
        self.km, self.kc = start_new_kernel(
            startup_timeout=startup_seconds,
            kernel_name=CURRENT_ENV_KERNEL_NAME,
            cwd=str(folder),
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._ensure_iopub_up()

    def get_message(self, stream: str, timeout: float | None = None) -> Any:
        """The next message of a channel. Raises Empty after `timeout` seconds, KernelDiedError at once."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, deadline - time.monotonic())
            try:
                return super().get_message(stream, timeout=max(left, 0.01))
            except Empty:
                if not self.is_alive():
                    raise KernelDiedError("The kernel died.") from None
                if deadline is not None and time.monotonic() >= deadline:
                    raise

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply to a request and keep it. Raises Empty, KernelDiedError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.01)
            message = self.get_message("shell", timeout=left)
            if message["parent_header"].get("msg_id") == msg_id:
                self.reply = dict(message["content"])
                return

    def close(self) -> None:
        """End the kernel, dead or alive, and let go of all that belongs to it. May be called twice."""
        if hasattr(self, "km"):
            self.stop()

    def failure(self) -> str:
        """What the last reply says went wrong, in one line; empty where nothing did."""
        if self.reply.get("status") == "ok":
            return ""
        name = self.reply.get("ename", self.reply.get("status", "error"))
        return f"{name}: {self.reply.get('evalue', '')}".strip(": ")
